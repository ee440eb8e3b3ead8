"""How the review went: what was known before, and by what the model went."""

from pipeline.review.page_blocks import INSTRUCTIONS_NAMED_MAX, blocks_of_stages
from pipeline.review.reports import Spend
from tests.builders.reports import a_summary, an_analysis


def told(*, files_known: int = 0, instructions: tuple[str, ...] = (), calls: int = 0) -> str:
    """Write the block."""
    analysis = an_analysis(files_known=files_known, instructions=instructions, model="gpt-test")
    summary = a_summary(analysis=analysis).model_copy(update={"spend": Spend(calls=calls)})
    return "\n".join(str(block.text) for block in blocks_of_stages((), summary))


def test_files_that_were_read_before_are_told() -> None:
    assert "It had read 12 files on an earlier push" in told(files_known=12, calls=1)
    assert "No model had to be asked: `gpt-test` read 12 files on an earlier push." in told(files_known=12)
    assert "earlier push" not in told(calls=1)
    assert "No model was used." in told()


def test_instructions_are_named_and_can_do_nothing() -> None:
    text = told(instructions=("AGENTS.md", "a`|@user/AGENTS.md", *(f"d{n}/AGENTS.md" for n in range(9))))

    assert "It went by `AGENTS.md`, ``a`|@user/AGENTS.md``" in text
    assert f"and {11 - INSTRUCTIONS_NAMED_MAX} more of the base branch." in text
