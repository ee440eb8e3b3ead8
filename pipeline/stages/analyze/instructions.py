"""Instructions: what the repository's base branch tells a reviewer, read for one run.

Promises that nothing of the pull request guides its review: all is read at the merge base, which only those who may
write to the base branch have written. What is not there, is no text or is too large guides nothing.
"""

from collections.abc import Iterable
from typing import Final

from pipeline.review.diff import FileDiff
from pipeline.review.guidance import Guidance, guidance_of, places_of
from pipeline.stages.analyze.change import Objects
from pipeline.stages.analyze.parameters import Params

INSTRUCTION_BYTES_MAX: Final = 200_000
"""A larger file was not written to be read in every question."""


async def read_guidance(objects: Objects, params: Params, files: Iterable[FileDiff]) -> Guidance:
    """Read what guides the review of these files; the same for every try, since commits do not change."""
    places = places_of(file.path for file in files)
    found = await objects.cat_files(params.merge_base, places, bytes_max=INSTRUCTION_BYTES_MAX)
    return guidance_of(
        {path: content for path, content in found.items() if isinstance(content, bytes) and b"\0" not in content},
        guidelines=params.analysis.guidelines,
        language=params.analysis.language,
    )
