"""Settings of the analysers: where programs are looked for, and the limits of a run."""

import sys
from dataclasses import dataclass
from pathlib import Path

SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")


def search_path(path: str) -> tuple[Path, ...]:
    """Return the directories to look in: beside this Python first, then those of a PATH variable.

    Relative entries are left out: they would name a directory that whoever we review may fill.
    """
    entries = (Path(entry) for entry in path.split(":") if entry)
    return (Path(sys.executable).parent, *(entry for entry in entries if entry.is_absolute()))


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzerSettings:
    """How analysers are found and bounded."""

    directories: tuple[Path, ...] = search_path(":".join(SYSTEM_PATH))
    """Where programs are looked for, first hit wins."""
    processes_max: int = 2
    """Analysers that run at once: they are busy on a core each, and the engine's heartbeat needs one too."""
    call_seconds_max: float = 60.0
    """Time for one call; the slowest tool reads its fifty files in about 5 s, ten times that if they are long."""
    tool_seconds_max: float = 240.0
    """Time for all calls of one tool."""
    version_seconds_max: float = 20.0
    """Time to say its version: a Python tool on a cold, busy disk needs seconds."""
    output_bytes_max: int = 16_000_000
    """Output of one call: 20,000 remarks of the most talkative tool."""
    file_bytes_max: int = 1_000_000
    """Larger files are generated, and parsers' time grows with them."""
    total_bytes_max: int = 100_000_000
    """Content of all files together: what may lie in the temporary directory."""
    files_max: int = 5_000
    """Files of one run."""
    unread_named_max: int = 10
    """Files that are named one by one, for each tool and reason; the rest is counted."""
