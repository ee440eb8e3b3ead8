"""Command: what somebody asks of us in a comment, `/onceover VERB ...`.

Promises that a command is only what a reader of the comment sees as plain text at the start of a line: not in a quote,
a list, a table, code of any kind, an HTML comment, a link, nor below the line that a mail program puts above the mail
it answers (security case 20). The comment is read as Markdown, by the rules that GitHub reads it by, so that nobody
can be made to command by a quote. Arguments are typed; nothing of a refused one is repeated (case 22).
Does not promise that the writer may command: that is asked of GitHub, later. Never raises.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from pipeline.review.redact import redact
from pipeline.review.visible import visible

BODY_CHARACTERS_MAX: Final = 6_000
"""Further down no command is looked for: 65,536 hostile characters, read as Markdown, hold up the door for seconds."""

WORDS_MAX: Final = 60
"""Of one command; only the reason of `dismiss` comes near."""

WORD_CHARACTERS_MAX: Final = 100
"""Of a word whose nearest name is looked for, since that takes longer than its length."""

REASON_CHARACTERS_MAX: Final = 200
"""Of the reason that `dismiss` keeps; a longer one is cut."""

STAGES: Final = ("analyze", "test", "docs", "summarize", "comment")
RERUN: Final = (*STAGES, "all", "failed")
"""What can be run again."""

USAGE: Final = {
    "review": "review [--fresh]",
    "rerun": "rerun STAGE|all|failed [--fresh]",
    "status": "status",
    "cancel": "cancel",
    "pause": "pause",
    "resume": "resume",
    "config": "config",
    "explain": "explain FINDING",
    "dismiss": "dismiss FINDING [REASON|--undo]",
    "help": "help",
}
"""How each verb is written, in the order in which help tells them."""

FOR_EVERYBODY: Final = frozenset({"help", "status"})
"""Verbs that cost nothing and change nothing; all others need write permission."""

_CAN_BE_FRESH: Final = frozenset({"review", "rerun"})
_FRESH: Final = "--fresh"
UNDO: Final = "--undo"
"""Written after `dismiss FINDING`; it comes as the second argument."""

_FINDING: Final = re.compile(r"[0-9a-f]{4,16}")
"""The beginning of a fingerprint; pages show seven letters and digits of it."""

_SPEAKABLE: Final = re.compile(r"[A-Za-z][A-Za-z-]{0,29}")
"""Words that may be repeated in an answer."""

_ADDRESSED: Final = re.compile(r"/onceover(?=[ \t]|$)", re.IGNORECASE | re.ASCII)
_CANDIDATE: Final = re.compile(r"^[ \t]*/onceover(?=[ \t]|$)", re.IGNORECASE | re.ASCII | re.MULTILINE)
"""Most comments hold none of these and need no reading."""

_MAIL_BELOW: Final = re.compile(
    r"^[ \t]*(?:-{2,} ?Original Message ?-{2,}|_{20,}|On .{5,200} wrote:)[ \t\r]*$", re.IGNORECASE | re.MULTILINE
)
"""What stands above an answered mail that is not quoted by `>`."""

_QUOTING_TAG: Final = re.compile(
    r"<(?P<close>/?)(?:blockquote|code|del|kbd|pre|q|s|samp|strike|template|tt|xmp)\b", re.IGNORECASE
)
"""Elements of HTML whose content is somebody else's words, or not meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What was asked."""

    verb: str
    """A key of `USAGE`; `help` if the verb was not understood."""
    arguments: tuple[str, ...] = ()
    """As the verb takes them: a stage, `all` or `failed`; a finding's id, perhaps with a reason or `--undo`."""
    fresh: bool = False
    problem: str | None = None
    """Why it cannot be done as written, as our own Markdown in one line, safe to show; None if it is fine."""


def parse_command(body: str) -> Command | None:
    """Read the first command of a comment; None if it holds none."""
    text = _MAIL_BELOW.split(_beginning(body), maxsplit=1)[0]
    if not _CANDIDATE.search(text):
        return None
    line = next(_addressed_lines(text), None)
    return None if line is None else _read(line.split()[1 : WORDS_MAX + 1])


def _beginning(body: str) -> str:
    """Cut a long comment after a whole paragraph: the other half of one may make code of its beginning."""
    text = body[: BODY_CHARACTERS_MAX + 1].replace("\r\n", "\n")
    return text if len(body) <= BODY_CHARACTERS_MAX else text.rpartition("\n\n")[0]


def _addressed_lines(text: str) -> Iterator[str]:
    """Give the lines of the outermost paragraphs that begin with our name as plain text."""
    tokens = _markdown().parse(text)
    quoting = 0
    for number, token in enumerate(tokens):
        if token.type == "html_block":
            quoting += _opened(token.content)
        elif token.type == "inline":
            opening = tokens[number - 1]
            is_outermost = opening.level == 0 and not opening.markup.startswith("#")
            for line in _lines(token.children or []):
                words = "".join(part.content for part in line)
                if is_outermost and quoting <= 0 and _is_addressed(line, words):
                    yield words
                quoting += sum(_opened(part.content) for part in line if part.type == "html_inline")


def _markdown() -> MarkdownIt:
    """Make the reader; an escaped character stays apart, so that an escaped slash begins no command."""
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).disable("text_join")


def _lines(parts: Sequence[Token]) -> Iterator[list[Token]]:
    line: list[Token] = []
    for part in parts:
        if part.type in {"softbreak", "hardbreak"}:
            yield line
            line = []
        else:
            line.append(part)
    yield line


def _is_addressed(line: Sequence[Token], words: str) -> bool:
    """Whether the name is there in one piece, and ends where it seems to: not `/onceover*x*`."""
    is_plain = bool(line) and line[0].type == "text" and _ADDRESSED.match(line[0].content) is not None
    return is_plain and _ADDRESSED.match(words) is not None


def _opened(html: str) -> int:
    """Count the quoting elements that a piece of HTML opens and does not close."""
    return sum(-1 if tag["close"] else 1 for tag in _QUOTING_TAG.finditer(html))


def _read(words: Sequence[str]) -> Command:
    """Understand the words after `/onceover`."""
    if not words:
        return Command(verb="help")
    verb = words[0].lower()
    if verb not in USAGE:
        return Command(verb="help", problem=_unknown("command", words[0], tuple(USAGE)))
    options = {word.lower() for word in words[1:] if word.startswith("-") and verb != "dismiss"}
    allowed = {_FRESH} if verb in _CAN_BE_FRESH else set()
    if not options <= allowed:
        only = f"The only option of `{verb}` is `{_FRESH}`." if allowed else f"`{verb}` has no options."
        return Command(verb=verb, problem=f"{only} {_usage(verb)}")
    taken, problem = _ARGUMENTS[verb](verb, tuple(word for word in words[1:] if word.lower() not in options))
    return Command(verb=verb, arguments=taken, fresh=_FRESH in options, problem=problem)


def _none(verb: str, words: tuple[str, ...]) -> tuple[tuple[str, ...], str | None]:
    return (), f"`{verb}` takes nothing after it. {_usage(verb)}" if words else None


def _stage(verb: str, words: tuple[str, ...]) -> tuple[tuple[str, ...], str | None]:
    if not words:
        return (), f"Say what to run again. {_usage(verb)}"
    if len(words) > 1:
        return (), f"One stage at a time, or `all`. {_usage(verb)}"
    name = words[0].lower()
    return ((name,), None) if name in RERUN else ((), _unknown("stage", words[0], RERUN))


def _finding(verb: str, words: tuple[str, ...]) -> tuple[tuple[str, ...], str | None]:
    taken, problem = _finding_and_reason(verb, words[:1])
    more = f"`{verb}` takes one id and nothing after it. {_usage(verb)}" if len(words) > 1 else None
    return (taken, problem) if problem or not more else ((), more)


def _finding_and_reason(verb: str, words: tuple[str, ...]) -> tuple[tuple[str, ...], str | None]:
    if not words or not _FINDING.fullmatch(words[0].lower()):
        return (), f"Name a finding by its id, the letters and digits at its end. {_usage(verb)}"
    if any(word.lower() == UNDO for word in words[1:]):
        is_alone = len(words) == len(("FINDING", UNDO))
        return ((words[0].lower(), UNDO), None) if is_alone else ((), f"`{UNDO}` takes no reason. {_usage(verb)}")
    reason = visible(redact(" ".join(words[1:])).text, lines=False)[:REASON_CHARACTERS_MAX]
    return (words[0].lower(), *([reason] if reason else [])), None


_ARGUMENTS: Final[Mapping[str, Callable[[str, tuple[str, ...]], tuple[tuple[str, ...], str | None]]]] = {
    **dict.fromkeys(USAGE, _none),
    "rerun": _stage,
    "explain": _finding,
    "dismiss": _finding_and_reason,
}


def _unknown(kind: str, word: str, names: Sequence[str]) -> str:
    """Say that there is no such name, and which is the nearest; a word that could act is not repeated."""
    said = f"no {kind} `{word}`" if _SPEAKABLE.fullmatch(word) else f"no such {kind}"
    nearest = get_close_matches(word[:WORD_CHARACTERS_MAX].lower(), names, n=1)
    hint = f"Did you mean `{nearest[0]}`?" if nearest else f"There are {', '.join(f'`{name}`' for name in names)}."
    return f"There is {said}. {hint}"


def _usage(verb: str) -> str:
    return f"It is written `/onceover {USAGE[verb]}`."
