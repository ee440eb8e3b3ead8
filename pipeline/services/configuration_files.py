"""Configuration files: what a repository and its organisation wrote, read from where only maintainers write.

Promises bytes and nothing of their meaning, cut at a limit. The repository's own file is read from its base branch,
that of the organisation from the newest commit of its repository `.github`, as far as the installation may see it: a
repository that is not there, or not shown to us, has no file.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from pipeline.services.github.client import GitHub
from pipeline.services.github.errors import Gone, NotAllowed
from pipeline.services.github.place import Place
from pipeline.services.github.repositories import Repositories

ORGANISATION: Final = ".github"
"""The repository of an account whose file holds for all of them."""

BYTES_MAX: Final = 65_536
"""Longer files are cut one byte later, and refused by the reader of configurations, which has the same limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationFiles:
    """Both files; None for one that is not there."""

    repository: bytes | None
    organisation: bytes | None


async def read_configuration_files(github: GitHub, place: Place, path: str, *, base_ref: str) -> ConfigurationFiles:
    """Read both files.

    Args:
        github: Reads with a token of the repository.
        place: The repository.
        path: Of the file, in both.
        base_ref: The branch that a pull request wants to go to.

    Raises:
        OnceoverError: The repository's own file could not be looked for.
    """
    own, above = await asyncio.gather(
        Repositories(github=github, place=place).content(path, ref=base_ref), _organisations(github, place, path)
    )
    return ConfigurationFiles(repository=_cut(own), organisation=_cut(above))


async def _organisations(github: GitHub, place: Place, path: str) -> bytes | None:
    """Read with the repository's own token: it sees what is public, and a private one stays unread."""
    organisation = Place(
        installation=place.installation,
        repository=f"{place.owner}/{ORGANISATION}",
        repository_id=place.repository_id,
    )
    try:
        return await Repositories(github=github, place=organisation).content(path, ref=None)
    except (Gone, NotAllowed):  # An empty repository has no commit; a hidden one may answer 403.
        return None


def _cut(content: bytes | None) -> bytes | None:
    return None if content is None else content[: BYTES_MAX + 1]
