"""Limits of the agent's tools: each call is cheap, whatever the repository and the model do.

The numbers are set so that an answer is about as long as a person would read at once: 12,000 characters are some
3,000 tokens, and each stays in the conversation for all further turns.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolLimits:
    """How much the tools read, and how much of it they tell."""

    # Of a conversation.
    calls_per_turn_max: int = 8
    """Calls that one answer of the model may ask for; further ones are refused (security case 77)."""
    calls_max: int = 60
    """Calls of the whole conversation; the loop's own limit is usually lower."""
    arguments_characters_max: int = 4_000
    """Longest arguments that are looked at."""
    call_seconds_max: float = 30.0
    """One call, whatever it does."""

    # Of an answer.
    result_characters_max: int = 12_000
    """Longest answer."""
    line_characters_max: int = 300
    """A longer line is cut, around what was looked for."""
    read_lines_max: int = 300
    """Lines of one range of a file."""
    entries_max: int = 200
    """Names in one listing."""
    matches_max: int = 50
    """Lines that a search tells."""
    definitions_max: int = 8
    definition_lines_max: int = 10
    """Lines shown of each definition; the file is one call away."""
    commits_max: int = 8
    """Commits in the history of a line."""
    passages_max: int = 5
    passage_lines_max: int = 30

    # Of the work behind it.
    file_bytes_max: int = 1_000_000
    """Larger files are not read."""
    files_bytes_max: int = 8_000_000
    """All files together that one call reads."""
    files_max: int = 300
    """Files with a name that are looked at for its definition or uses."""
    judged_lines_max: int = 3_000
    """Lines with a name that are looked at: a hostile one takes a millisecond."""
    parsed_bytes_max: int = 1_500_000
    """Python that one call parses: some three seconds."""
    parsed_file_bytes_max: int = 500_000
    """Largest Python file that is parsed: the parser takes about a second and 100 MB for it."""
    listing_bytes_max: int = 8_000_000
    """Listing of a tree; about 80,000 files."""
    grep_bytes_max: int = 1_000_000
    """What `git grep` may say: some 10,000 matches."""
    grep_lines_per_file_max: int = 500
    """Matching lines of one file, so that no file crowds out the others."""
    git_seconds_max: float = 10.0
    """One git command."""
