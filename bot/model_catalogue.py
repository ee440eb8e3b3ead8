"""Model catalogue: the operator's file of prices and context windows, before our own table."""

from pathlib import Path
from typing import Final

from pipeline.engine.errors import AskPerson
from pipeline.services.llm_catalogue import DEFAULT, Catalogue, read_catalogue

FILE_BYTES_MAX: Final = 1_000_000
"""A thousand models take a tenth of it; more is some other file."""


def open_catalogue(path: Path | None) -> Catalogue:
    """Read the file, TOML unless its name ends in `.json`; without one, our own table alone counts.

    Raises:
        AskPerson: It is not there or cannot be used; the message says where and why.
    """
    if path is None:
        return DEFAULT
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise _unread(path, error.strerror or type(error).__name__) from None
    except UnicodeDecodeError:
        raise _unread(path, "it is not UTF-8") from None
    if len(content) > FILE_BYTES_MAX:
        raise _unread(path, f"it is larger than {FILE_BYTES_MAX:,} bytes")
    return read_catalogue(text, form="json" if path.suffix == ".json" else "toml", name=str(path)).over(DEFAULT)


def _unread(path: Path, why: str) -> AskPerson:
    return AskPerson(
        f"The model catalogue {path} cannot be read: {why}.",
        next_step="Correct ONCEOVER_LLM_MODELS_FILE, or unset it.",
        code="model_catalogue",
    )
