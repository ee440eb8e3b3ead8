"""A desk: the tools over one commit of a real bare repository, with the cleaners that a review gives them."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.review.redact import redact
from pipeline.review.visible import visible
from pipeline.services.agent_tools.documentation import Documentation
from pipeline.services.agent_tools.limits import ToolLimits
from pipeline.services.agent_tools.result import Outcome, ToolResult
from pipeline.services.agent_tools.screen import Screen
from pipeline.services.agent_tools.toolbox import Toolbox, make_tools
from pipeline.services.git import Git, open_git
from tests.builders.repository import Content, RepositoryBuilder

PLAIN = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}

SCREEN = Screen(redact=lambda text: redact(text).text, visible=visible)


@dataclass(kw_only=True)
class Desk:
    """The tools over the head of one repository."""

    git: Git
    commit: str
    limits: ToolLimits = field(default_factory=ToolLimits)
    documentation: Documentation | None = None

    @property
    def toolbox(self) -> Toolbox:
        """Open a new conversation."""
        return Toolbox(make_tools(self.git, self.commit, SCREEN, self.limits, self.documentation), self.limits)

    async def ask(self, tool: str, **arguments: object) -> ToolResult:
        """Make one call in a conversation of its own."""
        return await self.toolbox.call(tool, json.dumps(arguments))

    async def read(self, tool: str, **arguments: object) -> str:
        """Make one call that is answered, and return its text."""
        result = await self.ask(tool, **arguments)
        assert result.outcome is Outcome.ANSWERED, result.text
        return result.text

    async def refusal(self, tool: str, **arguments: object) -> str:
        """Make one call that is refused, and return why."""
        result = await self.ask(tool, **arguments)
        assert result.outcome is Outcome.REFUSED, result.text
        return result.text

    def limited(self, **limits: Any) -> "Desk":  # noqa: ANN401 - limits differ in type.
        """Make the same desk with other limits."""
        return replace(self, limits=replace(self.limits, **limits))


@dataclass(kw_only=True)
class DeskMaker:
    """Make desks over repositories of a test."""

    path: Path

    async def __call__(self, files: Mapping[str, Content]) -> Desk:
        """Make a desk over one commit with these files."""
        repository = RepositoryBuilder(path=self.path, is_checked_out=False)
        return await self.over(repository, repository.commit(files))

    async def over(self, repository: RepositoryBuilder, commit: str) -> Desk:
        """Make a desk over a commit that is there."""
        return Desk(git=await open_git(repository.path, environ=PLAIN), commit=commit)
