"""Toolbox: the tools of one conversation, and the one way to call them.

Promises that a call ends with a bounded text for the model, whatever was asked: an unknown tool, wrong arguments, a
failure of git, a call too many are sentences, and only a bug of ours is an error. A call that was made before is not
made again: the model is told so, and how often, so that the loop can be stopped (security cases 42 and 77).
Promises the same answer for the same commit, tool and arguments, a git that is too slow excepted, so that an answer
can be kept: `Durably` is where a stage makes each call a step. Counts start anew with each toolbox; a conversation
that is gone through again after a crash makes the same calls, and so comes to the same counts.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from pydantic import ValidationError

from pipeline.engine.errors import Bug, OnceoverError
from pipeline.services.agent_tools.commit_files import CommitFiles
from pipeline.services.agent_tools.documentation import Documentation, make_read_documentation
from pipeline.services.agent_tools.history import make_line_history
from pipeline.services.agent_tools.limits import ToolLimits
from pipeline.services.agent_tools.reading import make_list_files, make_read_file
from pipeline.services.agent_tools.result import Outcome, Refused, ToolResult
from pipeline.services.agent_tools.screen import Screen
from pipeline.services.agent_tools.search import make_search
from pipeline.services.agent_tools.symbols import make_find_definition, make_find_references
from pipeline.services.agent_tools.tool import Schema, Tool
from pipeline.services.git import Git

VERSION: Final = 1
"""Raised when the answer to the same call changes; an input of each step that keeps one."""

PROBLEMS_TOLD_MAX: Final = 3
PROBLEM_CHARACTERS_MAX: Final = 120

AnyTool: TypeAlias = Tool[Any]  # Any: tools differ in their arguments, and each checks its own.


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A call that can be made."""

    tool: str
    arguments: str
    """JSON in one form: two calls that ask the same have the same, whatever their spaces, order and omissions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """What a model asks for."""

    name: str
    arguments: str
    """JSON, or whatever it wrote."""


Durably: TypeAlias = Callable[[Request, Callable[[Request], Awaitable[ToolResult]]], Awaitable[ToolResult]]
"""Makes a call, or finds what it gave before."""


def make_tools(
    git: Git, commit: str, screen: Screen, limits: ToolLimits, documentation: Documentation | None = None
) -> tuple[AnyTool, ...]:
    """Make the tools for one commit; they hold no state and may be shared between conversations.

    Args:
        git: The repository.
        commit: Full SHA of the head.
        screen: Cleans what is shown.
        limits: How much is read and told.
        documentation: Where passages are looked for; None leaves that tool out.
    """
    files = CommitFiles(git=git, commit=commit, screen=screen, limits=limits)
    documents = () if documentation is None else (make_read_documentation(files, documentation),)
    return (
        make_read_file(files),
        make_list_files(files),
        make_search(files),
        make_find_definition(files),
        make_find_references(files),
        make_line_history(files),
        *documents,
    )


async def _at_once(request: Request, answer: Callable[[Request], Awaitable[ToolResult]]) -> ToolResult:
    """Make the call, and keep nothing."""
    return await answer(request)


class Toolbox:
    """The tools of one conversation.

    Args:
        tools: What there is.
        limits: How many calls, and how large.
        durably: Makes each call; at once and without memory by default.
    """

    def __init__(self, tools: Sequence[AnyTool], limits: ToolLimits, *, durably: Durably = _at_once) -> None:
        self._tools: Final[Mapping[str, AnyTool]] = {tool.name: tool for tool in tools}
        self._limits: Final = limits
        self._durably: Final = durably
        self._seen: Final[Counter[tuple[str, str]]] = Counter()
        self._outcomes: Final[Counter[Outcome]] = Counter()

    @property
    def functions(self) -> list[Schema]:
        """The tools as the OpenAI protocol has them in `tools`."""
        return [tool.as_function() for tool in self._tools.values()]

    @property
    def calls(self) -> int:
        """Calls so far, all of them."""
        return self._outcomes.total()

    @property
    def outcomes(self) -> Mapping[Outcome, int]:
        """Calls so far, by how they ended."""
        return dict(self._outcomes)

    async def call_all(self, calls: Sequence[ToolCall]) -> list[ToolResult]:
        """Make the calls of one turn, in order; those beyond the limit on a turn are refused."""
        most = self._limits.calls_per_turn_max
        results = [await self.call(call.name, call.arguments) for call in calls[:most]]
        return results + [self._over(f"Only {most} calls in one turn; this one was not made.") for _ in calls[most:]]

    async def call(self, name: str, arguments: str) -> ToolResult:
        """Make one call, unless it is wrong, one too many, or was made before."""
        if self.calls >= self._limits.calls_max:
            return self._over(f"All {self._limits.calls_max} calls are used up. Answer with what you know.")
        request = self._read(name, arguments)
        asked = (request.tool, request.arguments) if isinstance(request, Request) else (name, arguments)
        self._seen[asked] += 1
        if (times := self._seen[asked]) > 1:
            again = (
                f"You asked this already, {times} times now; the answer stands above. Ask something else, or answer."
            )
            return self._counted(ToolResult(outcome=Outcome.REPEATED, text=again, times=times))
        if isinstance(request, Refused):
            return self._counted(request.as_result())
        return self._counted(await self._durably(request, self.answer))

    async def answer(self, request: Request) -> ToolResult:
        """Answer a request; nothing is counted, nothing remembered.

        Raises:
            Bug: One of ours.
        """
        limit = asyncio.timeout(self._limits.call_seconds_max)
        try:
            async with limit:
                return await self._tools[request.tool].answer_json(request.arguments)
        except TimeoutError:
            if not limit.expired():
                raise
            return _failed("it took too long")
        except Bug:
            raise
        except OnceoverError as error:
            return _failed(error.code)  # Its message names places of this host.

    def _read(self, name: str, arguments: str) -> Request | Refused:
        tool = self._tools.get(name)
        if tool is None:
            return Refused(f"There is no such tool. There are: {', '.join(self._tools)}.")
        if len(arguments) > self._limits.arguments_characters_max:
            return Refused(
                f"The arguments have {len(arguments):,} characters, the limit is "
                f"{self._limits.arguments_characters_max:,}."
            )
        try:
            asked = tool.arguments.model_validate_json(arguments.encode("utf-8", "surrogatepass") or b"{}")
        except ValidationError as error:
            return Refused(f"The arguments of {name} are wrong: {_problems(error)}.")
        return Request(tool=name, arguments=json.dumps(asked.model_dump(mode="json"), sort_keys=True))

    def _over(self, why: str) -> ToolResult:
        return self._counted(ToolResult(outcome=Outcome.OVER_LIMIT, text=why))

    def _counted(self, result: ToolResult) -> ToolResult:
        self._outcomes[result.outcome] += 1
        return result


def _failed(why: str) -> ToolResult:
    return ToolResult(outcome=Outcome.FAILED, text=f"The tool could not answer ({why}). Go on without it.")


def _problems(error: ValidationError) -> str:
    """Tell what is wrong, without repeating what was written."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    told = (f"{_place(one['loc'])}{one['msg']}" for one in problems[:PROBLEMS_TOLD_MAX])
    return "; ".join(told)


def _place(location: Sequence[str | int]) -> str:
    """Name the field; one that the model made up is cut, and printable."""
    name = ".".join(map(str, location))
    return f"`{ascii(name)[1:-1][:PROBLEM_CHARACTERS_MAX]}`: " if name else ""
