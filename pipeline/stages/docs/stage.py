"""Stage: the parts of the stage docs, one after the other."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from pipeline.engine.stage import JsonValue, StageContext, StageFunction
from pipeline.review.passages import choose_passages
from pipeline.review.patterns import Patterns, read_patterns
from pipeline.review.reports import DocsReport, Skipped
from pipeline.services.docs_library import Library
from pipeline.services.git_objects import Tree
from pipeline.services.questions import Model
from pipeline.stages.docs.change import read_diff
from pipeline.stages.docs.check import check
from pipeline.stages.docs.nearness import Embeddings, order
from pipeline.stages.docs.parameters import Head, Objects, Params
from pipeline.stages.docs.retrieval import look_up, open_library
from pipeline.stages.docs.stale import confirm

VERSION: Final = 2
"""Raised when the report for the same input changes."""


def make_docs(
    *,
    git: Callable[[Path], Awaitable[Objects]],
    indexes: Path | None,
    model: Model | None = None,
    embeddings: Embeddings | None = None,
) -> StageFunction:
    """Make the stage.

    Args:
        git: Opens the repository at a path.
        indexes: Directory for the full-text indexes, one for each repository, which are caches; None keeps them in
            memory.
        model: The client for the model that the parameters name; None if none is configured.
        embeddings: The same for the embedding model.
    """

    async def docs(ctx: StageContext) -> JsonValue:
        params = Params.model_validate(dict(ctx.params))
        objects = await git(params.repository.path)
        ctx.progress("reading what changed")
        change, unread = await read_diff(objects, params)
        head = Head(objects=objects, commit=params.head, tree=await objects.list_tree(params.head))
        ctx.progress("reading the documentation")
        paths = _patterns(params.docs.paths)
        library, left_out = await asyncio.to_thread(open_library, head, paths, indexes)
        answer = await library.ask(lambda index: look_up(index, change))
        await _tell(ctx, library)
        stale, more = await confirm(head, answer.stale)
        checked = await check(ctx, head, stale, who=params.docs, model=model)
        ordered = await order(
            ctx, library, answer.hits, change.interest, model=params.docs.embedding_model, embeddings=embeddings
        )
        passages = await asyncio.to_thread(
            choose_passages, ordered.hits, change.interest, change.added, params.docs.passages_max
        )
        report = DocsReport(
            passages=passages,
            stale=checked.stale,
            documents_read=len(library.entries),
            skipped=(*unread, *_uncut(head.tree), *left_out, *more, *checked.skipped, *ordered.skipped),
            spend=checked.spend + ordered.spend,
        )
        return report.model_dump(mode="json")

    return docs


def _patterns(lines: Sequence[str]) -> Patterns | None:
    return read_patterns(lines) if lines else None


async def _tell(ctx: StageContext, library: Library) -> None:
    """Put into the journal what was wrong with the file of the index; the review is none the worse for it."""
    for trouble in library.troubles:
        await ctx.decide(trouble)


def _uncut(tree: Tree) -> tuple[Skipped, ...]:
    if tree.is_whole:
        return ()
    return (Skipped(what="list of files", why="cut at its limit: documents after it are not known", gap=True),)
