"""The operator's file of models is read once, and what is wrong with it is told with its name."""

from pathlib import Path

import pytest

from bot.model_catalogue import FILE_BYTES_MAX, open_catalogue
from pipeline.engine.errors import AskPerson
from pipeline.services.llm_catalogue import DEFAULT

SERVER = "http://localhost:8080/v1"


def test_without_a_file_our_own_table_counts() -> None:
    assert open_catalogue(None) == DEFAULT


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("models.toml", "[models.mine]\nprompt = 1\ncompletion = 2\n"),
        ("models.json", '{"models": {"mine": {"prompt": 1, "completion": 2}}}'),
    ],
)
def test_a_file_is_put_before_our_own_table(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)

    catalogue = open_catalogue(tmp_path / name)

    mine = catalogue.facts("mine", SERVER)
    assert mine.cost_nanodollars(prompt_tokens=10, cached_tokens=0, completion_tokens=1) == 12_000
    assert catalogue.models["gpt-4o"] == DEFAULT.models["gpt-4o"]


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "No such file"), (b"\xff\xfe", "UTF-8"), (b"#" * (FILE_BYTES_MAX + 1), "larger"), (b"x", "no TOML")],
    ids=["missing", "not text", "too large", "no TOML"],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "models.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(AskPerson, match=why) as caught:
        open_catalogue(path)

    assert str(path) in str(caught.value)
