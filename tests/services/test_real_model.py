"""A real model, if somebody names one: `make model` (docs/models.md). Skipped otherwise.

Asserts what the client promises of any server, not that a small model reviews well.
"""

import os
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from pipeline.review.structured import Usable, ask_structured, spend_of, strict_schema
from pipeline.services.llm import ModelSettings, OpenAiModel
from pipeline.services.llm_question import Tool

URL = os.environ.get("ONCEOVER_TEST_MODEL_URL", "")
NAME = os.environ.get("ONCEOVER_TEST_MODEL", "default")
SECONDS_MAX = 600.0
"""A small model on a small machine writes some tokens a second."""

pytestmark = [
    pytest.mark.skipif(not URL, reason="no model is named; see docs/models.md"),
    pytest.mark.timeout(4 * SECONDS_MAX),
]


class Remark(BaseModel):
    """What is asked for."""

    line: int
    claim: str


class Remarks(BaseModel):
    """A small review."""

    findings: list[Remark]


CODE = "1 def mean(values):\n2     return sum(values) / len(values)\n3 \n4 mean([])\n"


@pytest.fixture
async def model() -> AsyncIterator[OpenAiModel]:
    key = SecretStr(os.environ.get("ONCEOVER_TEST_MODEL_KEY", ""))
    settings = ModelSettings(
        model=NAME, api_key=key, base_url=URL, seconds_max=SECONDS_MAX, completion_tokens_max=2_000
    )
    async with OpenAiModel(settings) as opened:
        yield opened


async def test_a_real_model_gives_an_answer_that_fits(model: OpenAiModel) -> None:
    schema = strict_schema(Remarks)

    async def call(messages: list[dict[str, str]]) -> Mapping[str, Any]:
        return (await model.ask(messages, schema=schema, schema_name="remarks")).as_json()

    outcome = await ask_structured(
        call, [{"role": "user", "content": f"Which line of this fails, and why?\n{CODE}"}], Remarks
    )

    tell(f"answers {spend_of(outcome.answers)}", f"outcome {outcome}", f"room {await model.room()}")
    assert isinstance(outcome, Usable)


async def test_a_real_model_that_can_call_tools_does(model: OpenAiModel) -> None:
    can = await model.can_call_tools()
    tell(f"tools {can}")
    if not can:
        pytest.skip(f"{NAME} calls no tools")
    read = Tool(
        name="read_file",
        description="Read a file of the repository.",
        parameters={"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    )

    answer = await model.ask([{"role": "user", "content": "Use read_file to read `shop.py`."}], tools=[read])

    tell(f"answer {answer}")
    assert [call.name for call in answer.tool_calls] == ["read_file"]


def tell(*lines: str) -> None:
    sys.stderr.write("".join(f"\n{line}" for line in lines))
