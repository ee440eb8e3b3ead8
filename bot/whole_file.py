"""Whole file: a result written to a file in one piece, so that nobody reads half of it."""

from pathlib import Path

from pipeline.engine.errors import AskPerson


class FileUnwritable(AskPerson):
    """A file of results cannot be written."""

    code = "file_unwritable"


def write_whole(path: Path, text: str) -> None:
    """Write a file in the place of an older one; directories on the way are made.

    Raises:
        FileUnwritable: There is no right to write there, or no room.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise FileUnwritable(
            f"{path} cannot be written: {error.strerror}.", next_step="The same command writes it again at no cost."
        ) from error
