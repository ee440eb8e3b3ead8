"""What holds for the project as a whole: its dependencies, its floors, its commands, its files."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
