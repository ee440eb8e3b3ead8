"""Prompt tokens: what a review sends to a model, characters divided by four, and what one more small push sends.

The whole of a local review, at the default depth, with a model that answers at once and finds nothing; every call
counts, that of the summary as well, with its system prompt and the tools that it is offered. Not counted: the JSON
Schema of the answer, which the server turns into a grammar. Beside each figure stands that of the leading open-source
bot for a change of this size, as it was measured for it; its fixtures are not ours.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.changes import Change, Repository, base_of, head_of, make_repository, small_push
from benchmarks.figures import Table
from bot.assembly import Resources
from bot.kept_readings import RedisReadings
from bot.local_review import ReviewOptions, find_target, review_locally
from bot.opened_store import open_store
from bot.settings import read_settings
from pipeline.services.llm_catalogue import ModelFacts
from pipeline.services.prospects import Prospects

CHARACTERS_PER_TOKEN: Final = 4
CONTEXT_TOKENS: Final = 128_000

OTHERS: Final[Mapping[Change, tuple[float, float | None]]] = {
    Change(files=1, lines=20): (6_600, 3_600),
    Change(files=10, lines=500): (21_900, 10_800),
    Change(files=50, lines=3_000): (121_000, 67_000),
    Change(files=300, lines=6_000): (185_000, None),
}
"""Tokens of the other bot: for the review, and again for one more small commit."""

WALKTHROUGH: Final = (
    "Reworks how the rates of a customer enter the sums, and adds steps that take the quantity into account. "
    "Callers pass the rates as before; what is negative no longer lowers the result, and an empty quantity is refused."
)
ANSWERS: Final[Mapping[str, object]] = {
    "review": {"walkthrough": WALKTHROUGH, "findings": []},
    "words": {"what_changed": WALKTHROUGH, "risks": []},
}


@dataclass(slots=True)
class Counter:
    """A model that finds nothing, and counts what it was sent."""

    characters: list[int] = field(default_factory=list)

    async def ask(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        schema_name: str = "review",
        tools: Sequence[Any] = (),
        **_: Any,  # noqa: ANN401 - what else a question may carry costs no prompt.
    ) -> "Said":
        """Answer at once."""
        sent = sum(len(str(message.get("content") or "")) for message in messages)
        self.characters.append(sent + (len(json.dumps([_plain(tool) for tool in tools])) if tools else 0))
        return Said(json.dumps(ANSWERS.get(schema_name, ANSWERS["review"])))

    async def can_call_tools(self) -> bool:
        """Say that it can."""
        return True

    async def prospects(self) -> Prospects:
        """Tell of a usual window, and of no price."""
        tokens_max = CONTEXT_TOKENS // 2
        return Prospects(
            model="counter",
            context_tokens=CONTEXT_TOKENS,
            is_window_told=True,
            prompt_tokens_max=tokens_max,
            prompt_bytes_max=tokens_max * CHARACTERS_PER_TOKEN,
            bytes_per_token=CHARACTERS_PER_TOKEN,
            facts=ModelFacts(),
        )

    def take(self) -> tuple[float, int]:
        """Give tokens and calls since the last time."""
        taken, self.characters = self.characters, []
        return sum(taken) / CHARACTERS_PER_TOKEN, len(taken)


@dataclass(frozen=True, slots=True)
class Said:
    """An answer."""

    text: str

    def as_json(self) -> dict[str, Any]:
        """Give it as a step keeps it."""
        return {"text": self.text, "model": "counter", "finish_reason": "stop"}


async def run(rounds: int) -> list[Table]:
    """Measure each size once: the same change is always cut the same way."""
    del rounds
    with tempfile.TemporaryDirectory(prefix="onceover-bench-") as name:
        given = {
            "ONCEOVER_LLM_MODEL": "counter",
            "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",  # Never asked: the counter stands in its place.
            "ONCEOVER_STATE_DIR": f"{name}/state",
        }
        settings = read_settings(given, Path(name) / ".env")
        async with open_store(settings) as opened:
            counter = Counter()
            readings = RedisReadings(opened.redis, opened.store.settings.prefix)
            resources = Resources(settings=settings, store=opened.store, model=counter, readings=readings)  # type: ignore[arg-type] # as much of a model as the stages ask for
            return [await _measure(Path(name), change, resources, counter) for change in OTHERS]


async def _measure(folder: Path, change: Change, resources: Resources, counter: Counter) -> Table:
    repository = make_repository(folder / f"{change.files}.git")
    files = head_of(change)
    base = repository.commit("main", base_of(change), parent=None)
    head = repository.commit("topic", files, parent=base)
    await _review(repository, resources)
    first, first_calls = counter.take()
    repository.commit("topic", small_push(files), parent=head)
    await _review(repository, resources)
    again, again_calls = counter.take()
    theirs, theirs_again = OTHERS[change]
    values = {"the other bot": [theirs], "onceover": [first]}
    values |= {"the other bot, a small push later": [theirs_again]} if theirs_again else {}
    return Table(
        title=f"Prompt tokens, {change.name}",
        unit="tokens",
        baseline="the other bot",
        digits=0,
        values=values | {"onceover, a small push later": [again]},
        notes=[f"calls: {first_calls}, and {again_calls} for the push"],
    )


async def _review(repository: Repository, resources: Resources) -> None:
    options = ReviewOptions(repository=repository.path, base="main", head="topic")
    target = await find_target(options)
    await review_locally(options, target, resources, on_start=lambda _: None, on_view=lambda _: None)


def _plain(tool: Any) -> Any:  # noqa: ANN401 - a definition in whichever form it is offered.
    return tool if isinstance(tool, dict) else getattr(tool, "as_json", lambda: str(tool))()
