"""Model: every setting of `.github/onceover.yml`, with its default, its bounds and what it is for.

Promises inert, frozen values. No setting holds an address, a key, a template or a shell string; nothing is fetched,
expanded or inherited but the organisation's file of the same form (security cases 28 and 32). The descriptions are
those of the JSON Schema and of `docs/configuration.md`.

There is no setting to mention the author of a pull request: Onceover never does.
"""

import shlex
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pipeline.review.configuration.glob import GLOB_CHARACTERS_MAX
from pipeline.review.depth import Depth
from pipeline.review.findings import Severity
from pipeline.review.patterns import PATTERNS_MAX, BadPattern, read_patterns

NO_EFFECT_YET: Final = "No effect yet."
"""Ends the description of a setting that is declared, so that files can have it, and that nothing reads in this
version. Whoever writes such a setting is told so."""

NAMES_MAX: Final = 100
"""Labels, authors or branches in one list; each is compared with each of a pull request."""

INLINE_MAX: Final = 25
"""Inline comments of one review. GitHub names no limit; with more than 32 reviews were refused, or answered with an
error and posted."""

FILES_MAX: Final = 3_000
"""Changed files that GitHub lists of a pull request."""

WORDS_MAX: Final = 64
WORD_CHARACTERS_MAX: Final = 1_000
GUIDELINES_CHARACTERS_MAX: Final = 8_000
"""Some two thousand tokens, which every question to the model repeats."""

PATH_CHARACTERS_MAX: Final = 200
REASON_CHARACTERS_MAX: Final = 200
LANGUAGE_CHARACTERS_MAX: Final = 40
TOKENS_MAX: Final = 1_000_000_000
USD_MAX: Final = 100_000

AnalyzerName: TypeAlias = Literal["ruff", "bandit", "shellcheck", "zizmor", "typos"]
FailOnLevel: TypeAlias = Literal["critical", "high", "medium", "low", "info", "never"]
TestSource: TypeAlias = Literal["checks", "sandbox", "none"]


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it is not one line of printable characters")
    return text


def _is_below(path: str) -> str:
    """Refuse what leads out of the check-out; what lies behind links is for the sandbox to refuse."""
    if path.startswith("/") or ".." in path.split("/"):
        raise ValueError("it leads out of the repository; write it relative to the top")
    return _one_line(path)


def _is_pattern(line: str) -> str:
    try:
        read_patterns((line,))
    except BadPattern as error:
        raise ValueError(str(error).removesuffix(".")) from error
    return line


Glob: TypeAlias = Annotated[str, Field(min_length=1, max_length=GLOB_CHARACTERS_MAX)]
Globs: TypeAlias = Annotated[tuple[Glob, ...], Field(max_length=NAMES_MAX)]
Label: TypeAlias = Annotated[str, Field(min_length=1, max_length=GLOB_CHARACTERS_MAX)]
Pattern: TypeAlias = Annotated[str, Field(min_length=1, max_length=PATH_CHARACTERS_MAX), AfterValidator(_is_pattern)]
Patterns: TypeAlias = Annotated[tuple[Pattern, ...], Field(max_length=PATTERNS_MAX)]
Word: TypeAlias = Annotated[str, Field(min_length=1, max_length=WORD_CHARACTERS_MAX)]
RelativePath: TypeAlias = Annotated[str, Field(max_length=PATH_CHARACTERS_MAX), AfterValidator(_is_below)]
Line: TypeAlias = Annotated[str, AfterValidator(_one_line)]
Tokens: TypeAlias = Annotated[int, Field(ge=0, le=TOKENS_MAX)]
Usd: TypeAlias = Annotated[float, Field(ge=0, le=USD_MAX)]


class Part(BaseModel):
    """Some settings that belong together; a key that is none of them is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Triggers(Part):
    """What starts a review by itself."""

    on_open: bool = Field(True, description="Review a pull request that is opened.")
    on_push: bool = Field(True, description="Review again when commits are pushed.")
    on_ready: bool = Field(True, description="Review a draft that is marked as ready.")
    only_on_comment: bool = Field(
        False, description="Start nothing by itself; only `/onceover review` and the buttons of the check run do."
    )
    labels: Annotated[tuple[Label, ...], Field(max_length=NAMES_MAX)] = Field(
        (), description="Labels that ask for a review: one of them starts it whatever the other triggers say."
    )


class Selection(Part):
    """Names to take and names to leave, as globs: `*` is any text without `/`, `**` any text, `?` one character."""

    include: Globs = Field((), description="Only these; all if the list is empty.")
    exclude: Globs = Field((), description="Never these, even if `include` names them.")


class Filters(Part):
    """Which pull requests are reviewed by themselves; who asks for a review gets it regardless."""

    drafts: bool = Field(False, description="Review drafts too.")
    bots: bool = Field(False, description="Review pull requests of bots too; one named in `authors.include` always is.")
    forks: bool = Field(True, description="Review pull requests from forks too.")
    labels: Selection = Field(Selection(), description="By the labels of the pull request.")
    authors: Selection = Field(Selection(), description="By the login of the author, as in `dependabot[bot]`.")
    base_branches: Selection = Field(Selection(), description="By the branch that it goes into.")
    ignore: Patterns = Field((), description="Paths that are not reviewed, as in `.gitignore`; the last match decides.")
    files_max: int = Field(FILES_MAX, ge=1, le=FILES_MAX, description="Changed files, without ignored ones, at most.")


class Stages(Part):
    """Which stages run; summarize and comment always do."""

    analyze: bool = Field(True, description="Read the change, by analysers and by the model.")
    test: bool = Field(True, description="Look at the tests; see `test`.")
    docs: bool = Field(True, description="Compare the change with the documentation; see `docs`.")


class ReviewOptions(Part):
    """What a review tells, and how."""

    depth: Depth = Field(
        Depth.STANDARD,
        description="How much the model reads and asks: `quick` asks once, `standard` looks up a little and doubts its"
        " own findings, `deep` looks up what it wants to; `onceover review --estimate` tells what each costs.",
    )
    severity_min: Severity = Field(Severity.INFO, description="Findings below this are counted and not told.")
    findings_max: int = Field(50, ge=1, le=200, description="Findings that are told; the rest is counted.")
    inline_max: int = Field(
        INLINE_MAX,
        ge=0,
        le=INLINE_MAX,
        description="Findings that stand beside their line; the rest is in the summary.",
    )
    fail_on: FailOnLevel = Field(
        "high", description="From this severity on, a finding makes the check run fail; failing tests always do."
    )
    analyzers: tuple[AnalyzerName, ...] = Field(
        ("ruff", "bandit", "shellcheck", "zizmor", "typos"), max_length=5, description="Static analysers to run."
    )
    language: Annotated[Line, Field(min_length=2, max_length=LANGUAGE_CHARACTERS_MAX)] = Field(
        "English", description="Language in which the model writes."
    )
    guidelines: str = Field(
        "",
        max_length=GUIDELINES_CHARACTERS_MAX,
        description="What the model should look for, and what it should leave alone.",
    )


class TestOptions(Part):
    """Where the verdict on the tests comes from."""

    __test__ = False  # Not a test, whatever pytest makes of the name.

    source: TestSource = Field(
        "checks",
        description="`checks` reads the repository's own checks, `sandbox` runs `command`, `none` does not look.",
    )
    wait_minutes_max: int = Field(
        30, ge=0, le=1_440, description="Minutes to wait for the repository's checks to finish."
    )
    required_checks_only: bool = Field(False, description="Look only at the checks that the base branch requires.")
    command: Annotated[tuple[Word, ...], Field(max_length=WORDS_MAX)] = Field(
        (),
        description="The command for the sandbox, one word an item; there is no shell.",
        examples=[["pytest", "-q", "--junitxml=report.xml"]],
    )
    junit: RelativePath = Field("", description="Where `command` writes JUnit XML; empty if it writes none.")
    seconds_max: int = Field(900, ge=1, le=86_400, description="Seconds that `command` may take.")
    forks: bool = Field(False, description="Run `command` for pull requests from forks too.")


class DocsOptions(Part):
    """Which documents a change is compared with."""

    paths: Patterns = Field((), description="Documents to read, as in `.gitignore`; all if empty.")
    passages_max: int = Field(12, ge=0, le=50, description="Passages that a review cites.")


class Budgets(Part):
    """What the model may cost before reviewing pauses and says so; declared, and enforced by a later version."""

    run_tokens_max: Tokens = Field(
        1_000_000, description="Tokens, read and written, of one review of one commit. No effect yet."
    )
    run_usd_max: Usd = Field(
        5.0, description="US dollars of one review of one commit, by the operator's prices. No effect yet."
    )
    pull_request_day_tokens_max: Tokens = Field(
        4_000_000, description="Tokens of a pull request in a day (UTC). No effect yet."
    )
    pull_request_day_usd_max: Usd = Field(
        20.0, description="US dollars of a pull request in a day (UTC). No effect yet."
    )
    repository_day_tokens_max: Tokens = Field(
        20_000_000, description="Tokens of the repository in a day (UTC). No effect yet."
    )
    repository_day_usd_max: Usd = Field(
        100.0, description="US dollars of the repository in a day (UTC). No effect yet."
    )


class CommentOptions(Part):
    """How the comments look."""

    collapse_walkthrough: bool = Field(True, description="Fold a long walkthrough; one click opens it.")
    suggestions: bool = Field(
        True,
        description="Offer suggestions that a click takes over, beside their lines; never for files that CI runs.",
    )


class Configuration(Part):
    """How Onceover reviews the pull requests of this repository."""

    paused: bool = Field(False, description="Review nothing, also when asked; commands are still answered.")
    paused_reason: Annotated[Line, Field(max_length=REASON_CHARACTERS_MAX)] = Field(
        "", description="Why, as a sentence that pull requests show."
    )
    triggers: Triggers = Field(Triggers(), description="What starts a review by itself.")
    filters: Filters = Field(Filters(), description="Which pull requests are reviewed by themselves.")
    stages: Stages = Field(Stages(), description="Which stages run.")
    review: ReviewOptions = Field(ReviewOptions(), description="What a review tells, and how.")
    test: TestOptions = Field(TestOptions(), description="Where the verdict on the tests comes from.")
    docs: DocsOptions = Field(DocsOptions(), description="Which documents a change is compared with.")
    budgets: Budgets = Field(Budgets(), description="What the model may cost before reviewing pauses and says so.")
    comment: CommentOptions = Field(CommentOptions(), description="How the comments look.")


def as_words(command: str) -> tuple[str, ...] | None:
    """Split a shell string into the list that it should be; None if it cannot be split."""
    try:
        return tuple(shlex.split(command)) or None
    except ValueError:
        return None
