"""Read summary: the summary as the stage after it finds it, an honest one if there is none."""

from pydantic import ValidationError

from pipeline.engine.stage import Checkpointed, Missing, Upstream
from pipeline.review.reports import MissingStage, Skipped, StageFact, Summary, Verdict


def read_summary(result: Upstream | None) -> Summary:
    """Read the summary and add how the stage that made it went; without one, say that nothing is known."""
    if not isinstance(result, Checkpointed):
        return _nothing_known(result.reason if isinstance(result, Missing) else "it was not part of this run")
    try:
        summary = Summary.model_validate(result.value)
    except ValidationError as error:
        return _nothing_known(f"its result does not fit this version ({error.error_count()} faults)")
    own = StageFact(name="summarize", state="done", attempts=result.attempts, seconds=result.seconds)
    return summary.model_copy(update={"stages": (*summary.stages, own)})


def _nothing_known(why: str) -> Summary:
    return Summary(
        verdict=Verdict.NOT_REVIEWED,
        headline="The review could not be put together.",
        missing=(MissingStage(stage="summarize", why=why),),
        not_reviewed=(Skipped(what="summarize", why=why, gap=True),),
    )
