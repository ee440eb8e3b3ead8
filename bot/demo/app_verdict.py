"""App verdict: the last words of the App's demo: what held, and what to do next."""

from collections.abc import Iterator, Sequence

from bot.demo.app_demonstration import Story
from bot.demo.promises import Promise
from pipeline.review.wording import duration


def verdict(story: Story, promises: Sequence[Promise]) -> Iterator[str]:
    """Tell each promise, and what it cost."""
    for one in promises:
        yield f"   {'✔' if one.holds else '✘ BROKEN:'} {one.says}"
    broken = sum(not one.holds for one in promises)
    yield ""
    calls = f"{story.shown.calls}, of them writes: {story.shown.writes}"
    yield f"   GitHub calls: {calls}. The whole story took {duration(story.seconds)}."
    if broken:
        yield f"   {broken} of {len(promises)} promises did not hold: that is a bug, please report it."


def next_steps(run_id: str, *, state: str | None) -> Iterator[str]:
    """Tell how to open it on a real repository, and how to look at what it did.

    Args:
        run_id: The run that was shown.
        state: The state directory, quoted for a shell; None if it is gone.
    """
    yield "\nOn a repository of your own:"
    yield "   onceover setup    registers the App on GitHub, one click"
    yield "   onceover dev      runs it, on this machine"
    yield "   docs/install.md   from nothing to the first review, in order"
    yield "   onceover review   no App: reviews a branch on this machine"
    yield "\nWhat a run did, step by step:"
    if state is None:
        yield "   onceover demo --keep DIR keeps this one; onceover runs list, runs show RUN"
    else:
        yield f"   ONCEOVER_STATE_DIR={state} onceover runs list"
        yield f"   ONCEOVER_STATE_DIR={state} onceover runs show {run_id}"
