"""Reports: what each stage leaves in its checkpoint for those after it.

Stages never import each other; they meet only in these records. Every report says what it did *not*
look at and why, so that silence is never mistaken for "all good".
"""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from pipeline.review.findings import Finding

NANODOLLARS_PER_DOLLAR: Final = 1_000_000_000
"""Money is counted in whole nanodollars: sums come out the same in every order."""


class Report(BaseModel):
    """What all reports share: frozen, and an unknown field is a bug."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Skipped(Report):
    """Something that was not read, run or asked, and why: the honest third state."""

    what: Annotated[str, Field(description="A path, a tool, a stage, `model`.")]
    why: Annotated[str, Field(description="The reason, as a clause that can follow `what: `.")]
    gap: Annotated[
        bool,
        Field(description="It was wanted and could not be done, so the review is partial; false: left out on purpose."),
    ] = False


class ChangedFile(Report):
    """One file of the diff, as the reader of a summary wants it."""

    path: Annotated[str, Field(description="Path in the head tree; the old path if it was deleted.")]
    old_path: Annotated[str | None, Field(description="Where it was before, when renamed or copied.")] = None
    status: Annotated[str, Field(description="added, modified, deleted, renamed, copied, mode or type.")]
    added: Annotated[int, Field(ge=0, description="Lines added.")]
    removed: Annotated[int, Field(ge=0, description="Lines removed.")]


class Spend(Report):
    """What model calls cost: of a stage, and added up, of a run, a pull request or whatever is kept account of."""

    calls: Annotated[int, Field(ge=0)] = 0
    prompt_tokens: Annotated[int, Field(ge=0)] = 0
    completion_tokens: Annotated[int, Field(ge=0)] = 0
    cached_tokens: Annotated[int, Field(ge=0, description="Those of the prompts' that a server had read before.")] = 0
    priced_calls: Annotated[int, Field(ge=0, description="Calls whose cost is known; that of the others is not 0.")] = 0
    cost_nanodollars: Annotated[int, Field(ge=0, description="Of the priced calls, in 1e-9 US dollars.")] = 0

    def __add__(self, other: "Spend") -> "Spend":
        """Add up two spends."""
        return Spend(**{name: getattr(self, name) + getattr(other, name) for name in Spend.model_fields})

    @property
    def usd(self) -> float | None:
        """The cost in US dollars; None if that of any call is unknown."""
        return self.cost_nanodollars / NANODOLLARS_PER_DOLLAR if self.priced_calls == self.calls else None


class AnalysisReport(Report):
    """Stage analyze: the diff, read by analysers and by the model."""

    files: tuple[ChangedFile, ...] = ()
    files_total: Annotated[int, Field(ge=0, description="Changed files in all, read or not.")] = 0
    lines_added: Annotated[int, Field(ge=0)] = 0
    lines_removed: Annotated[int, Field(ge=0)] = 0
    findings: tuple[Finding, ...] = ()
    tools: Annotated[tuple[str, ...], Field(description="Analysers that ran, as `ruff 0.17.6`.")] = ()
    model: Annotated[str | None, Field(description="The model that read the diff, if one did.")] = None
    walkthrough: Annotated[str, Field(description="The model's account of the change; may be empty.")] = ""
    instructions: Annotated[tuple[str, ...], Field(description="Files of the base that told it what matters.")] = ()
    files_known: Annotated[int, Field(ge=0, description="Files that it read on an earlier push, as they are now.")] = 0
    skipped: tuple[Skipped, ...] = ()
    spend: Spend = Spend()


class TestOutcome(StrEnum):
    """How the tests went."""

    __test__ = False  # Not a test class, whatever pytest thinks of the name.

    PASSED = "passed"
    FAILED = "failed"  # The command ran and said no.
    TIMED_OUT = "timed_out"
    COULD_NOT_RUN = "could_not_run"  # No such command, no worktree: nothing is known about the code.
    NOT_ASKED = "not_asked"


class TiedLine(Report):
    """A line of a changed file that the trace of a failure names."""

    path: str
    line: Annotated[int, Field(ge=1)]
    changed: Annotated[bool, Field(description="The line itself was added or changed; else only its file.")] = False


class FailedTest(Report):
    """One test that did not pass."""

    name: str
    message: Annotated[str, Field(description="The first lines of what it said, cut.")] = ""
    path: str | None = None
    line: int | None = None
    fails_on_base: Annotated[bool | None, Field(description="On the merge base too; None if that is not known.")] = None


class CheckFact(Report):
    """One check of the repository's own on the head commit."""

    name: str
    source: Annotated[str, Field(description="The App that runs it, as `github-actions`; `status` for a status.")] = ""
    conclusion: Annotated[str, Field(description="As GitHub has it; `pending`, or `missing` if required and absent.")]
    required: Annotated[bool | None, Field(description="By the base branch; None if that is not known.")] = None
    url: str | None = None
    attempts: Annotated[int, Field(ge=1, description="How often it ran on this commit.")] = 1
    flaky: Annotated[bool, Field(description="It failed on this very commit and passed when it was run again.")] = False
    base: Annotated[str | None, Field(description="Its conclusion on the merge base; None if not known.")] = None
    steps: Annotated[tuple[str, ...], Field(description="The steps that failed.")] = ()
    message: Annotated[str, Field(description="What it says of its failure, cut.")] = ""
    failed: Annotated[tuple[FailedTest, ...], Field(description="Tests and lines that it names as failed.")] = ()
    lines: Annotated[tuple[TiedLine, ...], Field(description="Where its failure meets the change.")] = ()

    @property
    def fails_on_base(self) -> bool | None:
        """Whether it failed before the change already; None if that is not known."""
        return None if self.base in {None, "pending"} else self.base not in PASSING


PASSING: Final = frozenset({"success", "neutral", "skipped"})
"""Conclusions that GitHub itself lets a required check pass with."""


class TestReport(Report):
    """Stage test: what the repository's own tests say of the head commit."""

    __test__ = False

    outcome: TestOutcome
    command: tuple[str, ...] = ()
    exit_code: int | None = None
    seconds: Annotated[float, Field(ge=0)] = 0.0
    tests_run: Annotated[int | None, Field(description="From JUnit XML; unknown without one.")] = None
    tests_failed: int | None = None
    tests_skipped: int | None = None
    tests_flaky: Annotated[int | None, Field(description="Passed, but only when run again.")] = None
    source: Annotated[str, Field(description="`command`, `checks` or `sandbox`; empty in older records.")] = ""
    failed: tuple[FailedTest, ...] = ()
    flaky: Annotated[tuple[FailedTest, ...], Field(description="The first of those that passed when run again.")] = ()
    checks: Annotated[tuple[CheckFact, ...], Field(description="The repository's own checks, failed ones first.")] = ()
    lines: Annotated[tuple[TiedLine, ...], Field(description="Where the failures meet the change.")] = ()
    new_failures: Annotated[int | None, Field(description="Failures that the base has not; None if not known.")] = None
    output_tail: Annotated[str, Field(description="The end of stdout and stderr, cut and made safe.")] = ""
    detail: Annotated[str, Field(description="One sentence: what happened and what to do next.")] = ""
    skipped: tuple[Skipped, ...] = ()


class Passage(Report):
    """A paragraph of documentation that bears on the change."""

    path: str
    line: Annotated[int, Field(ge=1)]
    line_end: Annotated[int, Field(ge=1)]
    heading: str = ""
    excerpt: str
    why: Annotated[str, Field(description="The changed names or words that led here.")] = ""


class DocsFinding(Finding):
    """A sentence of the documentation that the change made wrong."""

    sentence: Annotated[str, Field(description="The line as it stands, made safe and cut.")] = ""
    changed: Annotated[str, Field(description="The name: `apply_discount`, `--retry-max`, `SHOP_TOKEN`.")] = ""
    kind: Annotated[str, Field(description="function, class, constant, flag, variable, route or name.")] = ""
    change: Annotated[str, Field(description="removed, renamed or changed.")] = ""
    checked: Annotated[str, Field(description="What the model says of it: stale or unsure; empty if not asked.")] = ""


class DocsReport(Report):
    """Stage docs: the documentation that bears on the change."""

    passages: tuple[Passage, ...] = ()
    stale: Annotated[tuple[DocsFinding, ...], Field(description="Mentions of changed names, left untouched.")] = ()
    documents_read: Annotated[int, Field(ge=0)] = 0
    skipped: tuple[Skipped, ...] = ()
    spend: Spend = Spend()


class Verdict(StrEnum):
    """The one line a reader takes away."""

    CLEAN = "clean"  # Reviewed; nothing to say.
    REMARKS = "remarks"  # Reviewed; remarks, none at or above the fail-on level.
    CHANGES_NEEDED = "changes_needed"  # Findings at or above the fail-on level, or failing tests.
    PARTIAL = "partial"  # Some of it could not be reviewed, and nothing else is worse.
    NOT_REVIEWED = "not_reviewed"  # Nothing could be reviewed.


class MissingStage(Report):
    """A stage that ended without a result."""

    stage: str
    why: str
    gap: Annotated[bool, Field(description="It was wanted; false: it was switched off on purpose.")] = True


class StageFact(Report):
    """How a stage went, for the reader who asks why something took long or is missing."""

    name: str
    state: Annotated[str, Field(description="done, failed, skipped or cancelled.")]
    attempts: Annotated[int, Field(ge=0, description="Tries in its present generation; 0 if it never ran.")] = 0
    seconds: Annotated[float, Field(ge=0, description="From first start to checkpoint, waits included.")] = 0.0
    detail: Annotated[str, Field(description="A few words: what came of it, or why nothing did.")] = ""


class Summary(Report):
    """Stage summarize: the whole review as one value; the comment is a rendering of it."""

    verdict: Verdict
    headline: Annotated[str, Field(description="The verdict as one sentence.")]
    what_changed: Annotated[str, Field(description="What the change does, a few sentences.")] = ""
    risks: tuple[str, ...] = ()
    findings: Annotated[tuple[Finding, ...], Field(description="Ranked, stale documentation included.")] = ()
    analysis: AnalysisReport | None = None
    tests: TestReport | None = None
    docs: DocsReport | None = None
    missing: tuple[MissingStage, ...] = ()
    not_reviewed: tuple[Skipped, ...] = ()
    stages: Annotated[tuple[StageFact, ...], Field(description="The stages that the summary was made from.")] = ()
    spend: Spend = Spend()


class CommentReport(Report):
    """Stage comment: the Markdown that stands, or would stand, on the pull request."""

    markdown: str
    posted: Annotated[bool, Field(description="False for a local review: printed, not posted.")] = False
