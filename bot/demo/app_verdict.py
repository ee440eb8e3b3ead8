"""App verdict: the last words of the App's demo: what held, and what to do next."""

from collections.abc import Iterator, Sequence

from bot.demo.app_demonstration import STATE, Story
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


def next_steps(run_id: str, *, program: str, state: str | None) -> Iterator[str]:
    """Tell how to open it on a real repository, and how to look at what it did.

    Args:
        run_id: The run that was shown.
        program: The command as one types it.
        state: The state directory, quoted for a shell; None if it is gone.
    """
    yield "\nOn a repository of your own; docs/install.md tells each step:"
    yield f"   {program} setup     registers the App on GitHub with one click"
    yield f"   {program} dev       runs it on this machine"
    yield f"   {program} review    needs no App: reviews a branch on this machine"
    if state is None:
        yield "\nWhat it did, step by step; only a demo that is kept can tell:"
        yield f"   {program} demo --keep /tmp/onceover-demo"
        yield f"   ONCEOVER_STATE_DIR=/tmp/onceover-demo/{STATE} {program} runs list"
    else:
        yield "\nWhat it did, step by step:"
        yield f"   ONCEOVER_STATE_DIR={state} {program} runs list"
        yield f"   ONCEOVER_STATE_DIR={state} {program} runs show {run_id}"
