"""Desk: what a model may look at while it reads a change: the objects of the head's commit, by read-only tools.

Promises tools over that commit and nothing else (`agent_tools`), whose answers are as long as the depth allows. Where
the clone has no history, as every mirror of a code host, the tool for it is not offered; asked for all the same, it
says so in a sentence.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final, TypeAlias

from pipeline.engine.fingerprint import fingerprint
from pipeline.engine.stage import JsonValue
from pipeline.review.agent_loop import LoopLimits
from pipeline.review.diff import FileDiff
from pipeline.review.redact import redact
from pipeline.review.visible import visible
from pipeline.services.agent_tools.documentation import Documentation
from pipeline.services.agent_tools.history import LINE_HISTORY
from pipeline.services.agent_tools.limits import ToolLimits
from pipeline.services.agent_tools.screen import Screen
from pipeline.services.agent_tools.toolbox import VERSION, AnyTool, make_tools
from pipeline.services.git import Git
from pipeline.services.git_objects import Content
from pipeline.services.llm_question import Tool

CHARACTERS_PER_TOKEN: Final = 4
"""As the limits of a depth count."""

CALLS_PER_TURN_MAX: Final = 4
"""Among so many calls a turn's room for answers is shared out; those beyond are refused."""

HEAD_BYTES_MAX: Final = 1_000_000
"""Largest file that remarks are held against; those on larger ones are held against the lines of the change."""


OpenDocumentation: TypeAlias = Callable[[Git, str], Documentation]
"""Opens the documents of a commit; nothing is read before the first question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The tools, and what an answer of theirs depends on."""

    tools: tuple[AnyTool, ...]
    limits: ToolLimits
    commit: str
    withheld: frozenset[str] = frozenset()
    """Tools that are not offered, since they could not tell anything here."""

    @property
    def offered(self) -> list[Tool]:
        """The tools as a question offers them."""
        return [
            Tool(name=one.name, description=one.description, parameters=one.schema)
            for one in self.tools
            if one.name not in self.withheld
        ]

    @property
    def identity(self) -> list[JsonValue]:
        """What the answer to a call depends on besides its arguments."""
        return [VERSION, self.commit, fingerprint(asdict(self.limits))]


def open_desk(git: Git, head: str, limits: LoopLimits, documentation: OpenDocumentation | None = None) -> Desk:
    """Lay out the tools for one commit.

    Args:
        git: The repository.
        head: Full SHA of the commit.
        limits: How far a conversation may go.
        documentation: Opens the documents of a commit; None leaves that tool out.
    """
    room = limits.results_tokens_max * CHARACTERS_PER_TOKEN // CALLS_PER_TURN_MAX
    usual = ToolLimits()
    tool_limits = replace(
        usual,
        calls_max=max(limits.tool_calls_max, 1),
        calls_per_turn_max=CALLS_PER_TURN_MAX,
        result_characters_max=min(usual.result_characters_max, room),
    )
    screen = Screen(redact=lambda text: redact(text).text, visible=visible)
    return Desk(
        tools=make_tools(git, head, screen, tool_limits, documentation(git, head) if documentation else None),
        limits=tool_limits,
        commit=head,
        withheld=frozenset({LINE_HISTORY}) if git.is_shallow else frozenset(),
    )


Heads: TypeAlias = Callable[[Sequence[str]], Awaitable[Mapping[str, str]]]
"""Reads the head's version of files by shown path; those that cannot be read as text are left out."""


def heads_of(git: Git, head: str, files: Sequence[FileDiff]) -> Heads:
    """Make what reads the head's version of changed files, by the path that the model was shown."""
    paths = {file.shown_path: file.path for file in files}

    async def heads(shown: Sequence[str]) -> Mapping[str, str]:
        wanted = {path: paths[path] for path in shown if path in paths}
        contents = await git.cat_files(head, wanted.values(), bytes_max=HEAD_BYTES_MAX)
        return {path: text for path, raw in wanted.items() if (text := _text(contents.get(raw))) is not None}

    return heads


def _text(content: Content | None) -> str | None:
    return content.decode("utf-8", "surrogateescape") if isinstance(content, bytes) else None
