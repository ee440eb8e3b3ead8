"""A review by a real model, if somebody names one: `make model` (docs/models.md). Skipped otherwise.

Asserts what the product promises with any model, not that a small one reviews well.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from bot.exit_codes import ExitCode
from tests.bot.command_world import ONCEOVER, CommandWorld

URL = os.environ.get("ONCEOVER_TEST_MODEL_URL", "")
SECONDS_MAX = 1_800.0
"""A small model on a small machine writes some tokens a second."""

pytestmark = [
    pytest.mark.skipif(not URL, reason="no model is named; see docs/models.md"),
    pytest.mark.timeout(SECONDS_MAX),
]

CODE = "def mean(values):\n    return sum(values) / len(values)\n\n\nprint(mean([]))\n"


async def test_a_review_by_a_real_model_ends_with_a_page_and_a_bill(world: CommandWorld) -> None:
    world.make_repository({"mean.py": CODE})
    environment = {
        **world.environment(),
        "OPENAI_BASE_URL": URL,
        "OPENAI_API_KEY": os.environ.get("ONCEOVER_TEST_MODEL_KEY", ""),
        "ONCEOVER_LLM_MODEL": os.environ.get("ONCEOVER_TEST_MODEL", "default"),
        "ONCEOVER_LLM_TIMEOUT_SECONDS": "600",
        "ONCEOVER_RUN_SECONDS_MAX": str(int(SECONDS_MAX)),
    }

    code, out, news = await command(
        environment, "review", "--repo", str(world.place / "shop"), "--base", "main", "--json"
    )
    review = json.loads(out)
    _, usage, _ = await command(environment, "usage", "--by", "run", "--json")

    sys.stderr.write(f"\n{news}\n{review['comment_markdown']}\n{usage}\n")
    assert code in {ExitCode.DONE, ExitCode.FINDINGS, ExitCode.UPSTREAM}
    assert review["comment_markdown"]
    total = json.loads(usage)["total"]
    assert total["calls"] >= review["spend"]["calls"] >= 1
    assert total["prompt_tokens"] >= review["spend"]["prompt_tokens"] > 0


async def command(environment: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *ONCEOVER,
        *arguments,
        env=environment,
        cwd=Path.cwd(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, news = await process.communicate()
    return process.returncode or 0, out.decode(), news.decode()
