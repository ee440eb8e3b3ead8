"""Stage docs with an embedding model: it finds what shares no word, is paid once, and does no harm when it fails."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.engine.errors import GiveUp
from pipeline.engine.stage import JsonValue
from pipeline.review.reports import DocsReport
from pipeline.services.git import open_git
from pipeline.stages.docs import make_docs
from pipeline.stages.docs.nearness import BATCH, EMBEDDED_MAX
from tests.builders.context import MemoryContext
from tests.builders.repository import Content, RepositoryBuilder

CART = "def apply_discount(cart, percent=10):\n    return cart * percent\n"
FILES: dict[str, Content] = {
    "shop/cart.py": CART,
    "docs/rebates.md": "# Rebates\n\nLoyal people pay less.\n",
    "docs/weather.md": "# Weather\n\nIt rains.\n",
}


@dataclass(frozen=True, kw_only=True)
class Told:
    """What an embedding model answers."""

    vectors: tuple[bytes, ...]
    prompt_tokens: int = 10
    cost_nanodollars: int | None = 5


@dataclass
class TopicModel:
    """Knows two topics, money and anything else; fails where it is told to."""

    fails_at: int | None = None
    asked: list[list[str]] = field(default_factory=list)

    async def embed(self, texts: Sequence[str], *, request_id: str | None = None) -> Told:
        """Turn texts into vectors."""
        assert request_id == "r_test/docs"
        self.asked.append(list(texts))
        if len(self.asked) == self.fails_at:
            raise GiveUp("The model has gone.")
        money = [any(word in text for word in ("discount", "pay", "cart")) for text in texts]
        return Told(vectors=tuple(array("f", [1, 0] if one else [0, 1]).tobytes() for one in money))


@dataclass
class Desk:
    """A change to a repository, and its index."""

    folder: Path
    files: dict[str, Content] = field(default_factory=lambda: dict(FILES))

    def context(self) -> MemoryContext:
        """Commit the change and make the context of the stage."""
        repository = RepositoryBuilder(path=self.folder / "shop", is_checked_out=False)
        params: dict[str, JsonValue] = {
            "repository": {"path": str(repository.path)},
            "merge_base": repository.commit(self.files),
            "head": repository.commit({"shop/cart.py": CART.replace("percent=10", "percent=15")}),
            "docs": {"embedding_model": "small"},
        }
        return MemoryContext(params=params)

    async def report(self, ctx: MemoryContext, model: TopicModel | None, *, indexes: bool = True) -> DocsReport:
        """Run the stage."""
        docs = make_docs(git=open_git, indexes=self.folder / "state" if indexes else None, embeddings=model)
        return DocsReport.model_validate(await docs(ctx))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_a_document_that_shares_no_word_is_found_by_its_meaning(desk: Desk) -> None:
    report = await desk.report(desk.context(), TopicModel())

    assert [(one.path, one.why) for one in report.passages] == [("docs/rebates.md", "the same in other words")]
    assert (report.spend.calls, report.spend.prompt_tokens, report.spend.cost_nanodollars) == (1, 10, 5)


async def test_a_second_try_and_the_next_run_pay_for_nothing_again(desk: Desk) -> None:
    ctx, model = desk.context(), TopicModel()
    first = await desk.report(ctx, model)

    again = await desk.report(ctx.next_attempt(), model)
    other = await desk.report(MemoryContext(params=ctx.params), model)

    assert first == again
    assert (other.passages, other.spend.calls) == (first.passages, 0)
    assert len(model.asked) == 1


@pytest.mark.parametrize("model", [None, TopicModel(fails_at=1)])
async def test_without_its_answer_words_alone_count_and_it_is_said(desk: Desk, model: TopicModel | None) -> None:
    ctx = desk.context()

    report = await desk.report(ctx, model)

    assert report.passages == ()
    assert [one.what for one in report.skipped] == ["documentation that is near in meaning"]
    assert ctx.is_partial


async def test_an_index_that_is_not_kept_is_not_paid_for(desk: Desk) -> None:
    model = TopicModel()

    report = await desk.report(desk.context(), model, indexes=False)

    assert model.asked == []
    assert "would be paid for again" in report.skipped[0].why


async def test_a_large_repository_is_paid_for_bit_by_bit(desk: Desk) -> None:
    desk.files |= {f"docs/{number}.md": f"# {number}\n\nText {number}.\n" for number in range(EMBEDDED_MAX + 50)}
    ctx, model = desk.context(), TopicModel()

    await desk.report(ctx, model)
    asked = [len(texts) for texts in model.asked]
    await desk.report(MemoryContext(params=ctx.params), model)

    assert asked == [BATCH] * (EMBEDDED_MAX // BATCH) + [1]  # The last one: the change itself came first.
    assert sum(len(texts) for texts in model.asked) == EMBEDDED_MAX + 50 + 3


async def test_what_was_paid_for_before_a_failure_is_kept(desk: Desk) -> None:
    desk.files |= {f"docs/{number}.md": f"# {number}\n\nText {number}.\n" for number in range(BATCH)}
    model = TopicModel(fails_at=2)

    report = await desk.report(desk.context(), model)

    assert (report.spend.calls, len(model.asked)) == (1, 2)
    assert report.skipped == ()


async def test_case_107_no_secret_is_sent(desk: Desk) -> None:
    desk.files["docs/keys.md"] = "# Keys\n\nghp_" + "A1b2" * 9 + "\n"
    model = TopicModel()

    await desk.report(desk.context(), model)

    assert not any("ghp_" in text for texts in model.asked for text in texts)
