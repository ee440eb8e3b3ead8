"""Nearness: sections that mean the same as the change, though they share no word with it.

Promises that without an embedding model, or when it fails, the lexical order stands, and in the second case that it is
said why; that a section is paid for once for each content and model, however many runs and pushes; that a run pays for
at most `EMBEDDED_MAX` sections; and that no secret of known form is sent. A large repository is covered run by run.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from pipeline.engine.errors import OnceoverError
from pipeline.engine.stage import JsonValue, StageContext
from pipeline.review.fusion import fuse, nearness
from pipeline.review.passages import Interest
from pipeline.review.redact import redact
from pipeline.review.reports import Skipped, Spend
from pipeline.review.visible import visible
from pipeline.services.docs_index import DocsIndex, Hit
from pipeline.services.docs_library import Library

EMBEDDED_MAX: Final = 256
"""Sections that one run pays for: some 60,000 tokens, a fraction of a cent."""

BATCH: Final = 64
"""Texts of one call."""

CONSIDERED_MAX: Final = 3_000
"""Sections that are compared with the change; each comparison takes some 0.1 ms."""

NEAR_MAX: Final = 20
"""Sections that are near enough to be an order of their own."""

NEAR_MIN: Final = 0.3
"""Less than this is chance with most models."""

TEXT_CHARACTERS_MAX: Final = 2_000
"""Of a section, for its vector."""

SCORE: Final = 15.0
"""What the first place of one order counts, on the scale of BM25."""


class Embedded(Protocol):
    """Vectors, and what they cost."""

    @property
    def vectors(self) -> Sequence[bytes]:
        """One for each text."""

    @property
    def prompt_tokens(self) -> int:
        """What was read."""

    @property
    def cost_nanodollars(self) -> int | None:
        """None if no price is known."""


class Embeddings(Protocol):
    """Whoever turns texts into vectors."""

    async def embed(self, texts: Sequence[str], *, request_id: str | None = None) -> Embedded:
        """Turn texts into vectors; raises `RetryLater`, `AskPerson` or `GiveUp`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Sections in the order of their worth, what is to be said of it, and its cost."""

    hits: tuple[Hit, ...]
    skipped: tuple[Skipped, ...] = ()
    spend: Spend = field(default_factory=Spend)


async def order(
    ctx: StageContext,
    library: Library,
    lexical: tuple[Hit, ...],
    interest: Interest,
    *,
    model: str | None,
    embeddings: Embeddings | None,
) -> Order:
    """Order sections by words, and by meaning where a model for that is chosen."""
    query = _query(interest)
    if model is None or not query:
        return Order(hits=lexical)
    if embeddings is None:
        ctx.partial()  # A worker that has one can ask it another time.
        return await _lexical(ctx, lexical, f"there is no client for {model} here")
    if not library.is_kept:
        return await _lexical(ctx, lexical, "the index cannot be kept, and would be paid for again by each run")
    failures: list[OnceoverError] = []

    async def embed(*_: JsonValue) -> dict[str, JsonValue]:
        lacking = await library.ask(lambda index: _lacking(index, model, query, lexical))
        spend = Spend()
        for start in range(0, len(lacking), BATCH):
            batch = dict(list(lacking.items())[start : start + BATCH])
            try:
                told = await embeddings.embed(list(batch.values()), request_id=f"{ctx.run_id}/docs")
            except OnceoverError as error:
                if spend.calls:
                    break  # What was paid for is kept; the rest is for the next run.
                failures.append(error)
                raise
            vectors = dict(zip(batch, told.vectors, strict=True))
            await library.ask(lambda index, vectors=vectors: index.add_vectors(model, vectors))  # type: ignore[misc]
            spend += _spend(told)
        return spend.model_dump(mode="json")

    ctx.progress(f"{model} reads the documentation")
    try:
        spent = Spend.model_validate(await ctx.step("embed documentation", embed, model, query))
    except OnceoverError as error:
        if error not in failures:
            raise  # The engine's, which knows what to do about it.
        ctx.partial()
        return await _lexical(ctx, lexical, str(error))
    near = await library.ask(lambda index: _near(index, model, query, lexical))
    return Order(hits=await asyncio.to_thread(_fused, lexical, near), spend=spent)


async def _lexical(ctx: StageContext, lexical: tuple[Hit, ...], why: str) -> Order:
    """Let the order by words stand, and say why."""
    await ctx.decide(f"Documentation is ordered by its words alone: {why}")
    note = Skipped(what="documentation that is near in meaning", why=why.strip().removesuffix("."))
    return Order(hits=lexical, skipped=(note,))


def _query(interest: Interest) -> str:
    """Say in words what the change is about; empty if it is about nothing that documentation names."""
    words = [*interest.names, *interest.paths, *interest.words]
    return redact(visible(" ".join(words), lines=False)).text[:TEXT_CHARACTERS_MAX]


def _lacking(index: DocsIndex, model: str, query: str, lexical: Sequence[Hit]) -> Mapping[str, str]:
    """Choose the texts that have no vector yet, by name: the query, what has its words, then the rest in order."""
    texts = {_name(query): query} | {_name(_text(hit)): _text(hit) for hit in _considered(index, lexical)}
    known = index.vectors(model, texts)
    return dict([(name, text) for name, text in texts.items() if name not in known][: EMBEDDED_MAX + 1])


def _near(index: DocsIndex, model: str, query: str, lexical: Sequence[Hit]) -> tuple[Hit, ...]:
    """Order the sections that have a vector by how near they are to the query, as far as they are near at all."""
    named = [(_name(_text(hit)), hit) for hit in _considered(index, lexical)]
    vectors = index.vectors(model, [_name(query), *(name for name, _ in named)])
    wanted = vectors.get(_name(query), b"")
    judged = [(nearness(vectors[name], wanted), hit) for name, hit in named if name in vectors]
    judged.sort(key=lambda one: (-one[0], one[1].path, one[1].line))
    return tuple(hit for value, hit in judged[:NEAR_MAX] if value >= NEAR_MIN)


def _considered(index: DocsIndex, lexical: Sequence[Hit]) -> Iterable[Hit]:
    once: dict[tuple[str, int], Hit] = {}
    for hit in (*lexical, *index.sections(CONSIDERED_MAX)):
        once.setdefault((hit.path, hit.line), hit)
    return list(once.values())[:CONSIDERED_MAX]


def _fused(lexical: Sequence[Hit], near: Sequence[Hit]) -> tuple[Hit, ...]:
    every = {(hit.path, hit.line): hit for hit in (*near, *lexical)}
    close = {(hit.path, hit.line) for hit in near}
    scores = fuse([(hit.path, hit.line) for hit in ranking] for ranking in (lexical, near))
    return tuple(replace(every[one], score=SCORE * score, is_near=one in close) for one, score in scores.items())


def _text(hit: Hit) -> str:
    return redact(f"{hit.heading}\n{hit.text}").text[:TEXT_CHARACTERS_MAX]


def _name(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _spend(told: Embedded) -> Spend:
    return Spend(
        calls=1,
        prompt_tokens=told.prompt_tokens,
        priced_calls=told.cost_nanodollars is not None,
        cost_nanodollars=told.cost_nanodollars or 0,
    )
