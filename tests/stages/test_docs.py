"""Stage docs: the passages that bear on a change, and those that it made wrong."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from pipeline.engine.stage import JsonValue
from pipeline.review.agent_loop import LoopLimits
from pipeline.review.findings import Finding, Severity
from pipeline.review.reports import DocsReport
from pipeline.services.docs_file import file_of
from pipeline.services.git import open_git
from pipeline.stages.analyze.desk import open_desk
from pipeline.stages.docs import HeadDocumentation, make_docs
from tests.builders.context import MemoryContext
from tests.builders.repository import Content, RepositoryBuilder, symlink

CART = "def apply_discount(cart, percent=10):\n    return cart * (100 - percent) / 100\n"
README = "# Shop\n\nSells things.\n\n## Discounts\n\nCall `apply_discount(cart)` before you pay.\n"


@dataclass
class Bench:
    """A repository with a base and a change on top."""

    folder: Path

    async def report(
        self,
        before: dict[str, Content],
        after: dict[str, Content],
        *,
        index: bool = True,
        passages_max: int = 12,
        paths: tuple[str, ...] = (),
    ) -> DocsReport:
        """Review the change from one set of files to the next."""
        repository = RepositoryBuilder(path=self.folder / "shop", is_checked_out=False)
        base, head = repository.commit(before), repository.commit(after)
        params: dict[str, JsonValue] = {
            "repository": {"path": str(repository.path), "name": "shop"},
            "merge_base": base,
            "head": head,
            "docs": {"passages_max": passages_max, "paths": list(paths)},
        }
        docs = make_docs(git=open_git, indexes=self.indexes if index else None)
        return DocsReport.model_validate(await docs(MemoryContext(params=params)))

    @property
    def indexes(self) -> Path:
        """Directory of the indexes."""
        return self.folder / "state" / "docs"

    @property
    def index(self) -> Path:
        """File of the index of the repository."""
        return file_of(self.indexes, str(self.folder / "shop"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def places(findings: tuple[Finding, ...]) -> list[tuple[str, int]]:
    return [(finding.path, finding.line) for finding in findings]


async def test_documentation_of_a_renamed_function_is_cited_and_called_stale(bench: Bench) -> None:
    files: dict[str, Content] = {"shop/cart.py": CART, "README.md": README, "docs/other.md": "# Weather\n\nIt rains.\n"}

    report = await bench.report(files, {"shop/cart.py": CART.replace("apply_discount", "reduce_price")})

    (stale,) = report.stale
    assert (stale.path, stale.line, stale.severity, stale.category) == ("README.md", 7, Severity.MEDIUM, "docs")
    assert "`apply_discount` is named `reduce_price` now (`shop/cart.py:1`)" in stale.claim
    assert stale.suggestion == "Call `reduce_price(cart)` before you pay."
    (passage,) = report.passages
    assert (passage.path, passage.line, passage.line_end, passage.heading) == ("README.md", 5, 7, "Shop > Discounts")
    assert passage.why == "apply_discount"
    assert report.documents_read == 3
    assert report.skipped == ()


async def test_documentation_that_was_brought_along_is_not_stale(bench: Bench) -> None:
    report = await bench.report(
        {"shop/cart.py": CART, "README.md": README},
        {
            "shop/cart.py": CART.replace("apply_discount", "reduce_price"),
            "README.md": README.replace("apply_discount", "reduce_price"),
        },
    )

    assert report.stale == ()


@pytest.mark.parametrize(
    ("other", "count"),
    [
        ("def apply_discount(order): ...\n", 0),
        ("apply_discount = reduce\n", 0),
        ("print(apply_discount(3))\n", 1),
    ],
)
async def test_a_name_that_is_still_defined_elsewhere_is_not_gone(bench: Bench, other: str, count: int) -> None:
    report = await bench.report(
        {"shop/cart.py": CART, "shop/order.py": other, "README.md": README}, {"shop/cart.py": "# nothing\n"}
    )

    assert len(report.stale) == count


async def test_another_default_makes_the_sentence_stale_that_tells_the_old_one(bench: Bench) -> None:
    guide = "`apply_discount` takes off 10 percent.\n\nThe other page of `apply_discount`.\n"

    report = await bench.report(
        {"shop/cart.py": CART, "docs/guide.md": guide}, {"shop/cart.py": CART.replace("percent=10", "percent=15")}
    )

    (stale,) = report.stale
    assert (stale.path, stale.line, stale.severity) == ("docs/guide.md", 1, Severity.LOW)
    assert "the default of `percent` is `15` now, no longer `10`" in stale.claim


async def test_a_body_that_changed_makes_nothing_stale(bench: Bench) -> None:
    report = await bench.report(
        {"shop/cart.py": CART, "README.md": README}, {"shop/cart.py": CART.replace("/ 100", "// 100")}
    )

    assert report.stale == ()


async def test_deleted_files_and_flags_count_too(bench: Bench) -> None:
    before: dict[str, Content] = {
        "shop/cart.py": CART,
        "shop/cli.py": 'add("--dry-run-only")\n',
        "docs/cli.rst": "Use\n===\n\nPass ``--dry-run-only``.\n",
        "README.md": README,
        "CHANGELOG.md": README,
    }

    report = await bench.report(before, {"shop/cart.py": None, "shop/cli.py": "add()\n"})

    assert places(report.stale) == [("README.md", 7), ("docs/cli.rst", 4)]


async def test_a_diff_without_code_cites_nothing(bench: Bench) -> None:
    report = await bench.report({"README.md": README}, {"logo.svg": "<svg/>"})

    assert (report.passages, report.stale, report.documents_read) == ((), (), 1)


async def test_no_passages_can_be_asked_for(bench: Bench) -> None:
    report = await bench.report({"shop/cart.py": CART, "README.md": README}, {"shop/cart.py": ""}, passages_max=0)

    assert report.passages == ()
    assert len(report.stale) == 1


@pytest.mark.parametrize("damage", [None, b"no database", b"SQLite format 3\0" + b"\xff" * 4_000])
async def test_the_index_is_only_a_cache(bench: Bench, damage: bytes | None) -> None:
    before: dict[str, Content] = {"shop/cart.py": CART, "README.md": README}
    in_memory = await bench.report(before, {"shop/cart.py": ""}, index=False)
    if damage is not None:
        bench.index.parent.mkdir(parents=True)
        bench.index.write_bytes(damage)

    first = await bench.report(before, {"shop/cart.py": ""})
    second = await bench.report(before, {"shop/cart.py": ""})

    assert in_memory == first == second
    assert bench.index.read_bytes().startswith(b"SQLite format 3\0")


async def test_an_index_that_cannot_be_written_costs_only_time(bench: Bench) -> None:
    (bench.folder / "state").write_text("a file where the directory should be")

    report = await bench.report({"shop/cart.py": CART, "README.md": README}, {"shop/cart.py": ""})

    assert len(report.stale) == 1


async def test_what_is_too_large_is_told(bench: Bench) -> None:
    report = await bench.report({"README.md": "x" * 5_000_000, "shop/cart.py": CART}, {"shop/cart.py": ""})

    (skipped,) = report.skipped
    assert (report.documents_read, skipped.what) == (1, "README.md")
    assert "5,000,000 bytes, more than the 1,000,000" in skipped.why


async def test_links_hostile_names_and_broken_files_do_no_harm(bench: Bench) -> None:
    before: dict[str, Content] = {
        "shop/cart.py": CART,
        "link.md": symlink("/etc/passwd"),
        "docs/\x1b31m\udcff.md": "call apply_discount \x00\x1b\u202e\n",
        "broken.py": b"\xff\x00def (",
        "docs/latin.md": b"apply_discount caf\xe9",
        "empty.md": "",
    }

    report = await bench.report(before, {"shop/cart.py": ""})

    assert places(report.stale) == [("docs/<U+001B>31m<U+DCFF>.md", 1), ("docs/latin.md", 1)]
    assert all(passage.excerpt.isprintable() or "\n" in passage.excerpt for passage in report.passages)
    assert report.documents_read == 5


async def test_a_file_that_cannot_be_parsed_is_compared_by_its_lines(bench: Bench) -> None:
    report = await bench.report(
        {"shop/cart.py": CART, "bin/app.py": symlink("cart.py"), "README.md": README},
        {"shop/cart.py": b"\xff not python\n", "bin/app.py": "x = 1\n"},
    )

    assert places(report.stale) == [("README.md", 7)]


async def test_only_the_documents_that_are_wanted_are_read(bench: Bench) -> None:
    before: dict[str, Content] = {
        "shop/cart.py": CART,
        "README.md": README,
        "docs/a.md": README,
        "docs/old/b.md": README,
    }

    report = await bench.report(before, {"shop/cart.py": ""}, paths=("docs/", "!docs/old/"))

    assert (places(report.stale), report.documents_read) == ([("docs/a.md", 7)], 1)


@pytest.mark.parametrize(
    ("path", "before", "after", "readme", "what"),
    [
        (
            "cli.go",
            'package main\nvar dry = flag.Bool("dry-run-only", false, "u")\n',
            "package main\n",
            "Pass `--dry-run-only`.",
            "The flag `--dry-run-only` was removed",
        ),
        (
            "app.ts",
            "export const t = process.env.SHOP_TOKEN;\n",
            "export const t = process.env.SHOP_KEY;\n",
            "Set `SHOP_TOKEN`.",
            "The variable `SHOP_TOKEN` is named `SHOP_KEY` now",
        ),
        (
            "compose.yml",
            "services:\n  shop:\n    environment:\n      SHOP_PORT_MAX: 80\n",
            "services:\n  shop:\n    environment:\n      SHOP_PORT_MAX: 90\n",
            "`SHOP_PORT_MAX` is 80 by default.",
            "its default is `90` now, no longer `80`",
        ),
        (
            "app.py",
            '@app.get("/api/cart/<int:id>")\ndef show(): ...\n',
            '@app.get("/api/basket/<int:id>")\ndef show(): ...\n',
            "| Route | Use |\n|---|---|\n| `GET /api/cart/{id}` | read |",
            "The route `/api/cart/<int:id>` is named `/api/basket/<int:id>` now",
        ),
        (
            "cli.py",
            'add(\n    "--retry-max",\n    default=3,\n)\n',
            'add(\n    "--retry-max",\n    default=5,\n)\n',
            "- `--retry-max`: tries before it gives up (default 3)\n- `--other-max`: 3",
            "its default is `5` now, no longer `3`",
        ),
        ("lib.rs", "pub fn parse_all() {}\n", "pub fn parse_it() {}\n", "Call `parse_all`.", "`parse_it` now"),
    ],
)
async def test_what_other_languages_take_away_is_told(
    bench: Bench, path: str, before: str, after: str, readme: str, what: str
) -> None:
    report = await bench.report({path: before, "README.md": readme}, {path: after})

    (stale,) = report.stale
    assert what in stale.claim
    assert stale.sentence in readme


@pytest.mark.parametrize(
    "readme",
    [
        "Run `pip install --dry-run-only x` first.",
        "Removed in 2.0: `--dry-run-only`.",
        "See https://example.com/--dry-run-only for it.",
        "Pass `--dry-run-only-once`.",
    ],
)
async def test_a_flag_of_somebody_else_is_left_alone(bench: Bench, readme: str) -> None:
    report = await bench.report({"cli.py": 'add("--dry-run-only")\n', "README.md": readme}, {"cli.py": "add()\n"})

    assert report.stale == ()


async def test_an_openapi_description_is_a_document(bench: Bench) -> None:
    api = "openapi: 3.1.0\npaths:\n  /api/cart/{id}:\n    get:\n      summary: Read\n"

    report = await bench.report(
        {"app.py": '@app.get("/api/cart/<id>")\ndef show(): ...\n', "openapi.yaml": api}, {"app.py": "x = 1\n"}
    )

    assert places(report.stale) == [("openapi.yaml", 3)]


async def test_repositories_of_one_host_do_not_see_each_other(bench: Bench, tmp_path: Path) -> None:
    files: dict[str, Content] = {"shop/cart.py": CART, "README.md": README}
    other = Bench(tmp_path / "other")
    other.folder.mkdir()

    await bench.report(files, {"shop/cart.py": ""})
    await other.report(files, {"shop/cart.py": ""})

    assert bench.index != other.index
    assert len(list(bench.indexes.glob("*.sqlite3"))) == 1


async def test_a_model_that_reads_the_change_can_read_the_documents_of_its_head(bench: Bench) -> None:
    repository = RepositoryBuilder(path=bench.folder / "shop", is_checked_out=False)
    commit = repository.commit({"README.md": README, "docs/other.md": "# Weather\n\nIt rains.\n"})
    git = await open_git(repository.path)

    desk = open_desk(git, commit, LoopLimits(), partial(HeadDocumentation, indexes=bench.indexes))
    (tool,) = [one for one in desk.tools if one.name == "read_documentation"]
    result = await tool.answer_json('{"query": "applied discounts"}')

    assert "README.md, lines 5 to 7:" in result.text
    assert "Weather" not in result.text


async def test_without_documents_there_is_no_tool_to_read_them(bench: Bench) -> None:
    repository = RepositoryBuilder(path=bench.folder / "shop", is_checked_out=False)
    git = await open_git(repository.path)

    desk = open_desk(git, repository.commit({"README.md": README}), LoopLimits())

    assert "read_documentation" not in [one.name for one in desk.tools]
