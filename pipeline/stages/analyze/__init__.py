"""Stage analyze: the diff, read by analysers and by a model.

Promises a report in every case but one that git cannot tell: analysers that are missing or fail, a model that is not
configured, refuses, or answers rubbish cost their own remarks, and the report names what was not read and why.
Findings stand on changed lines only. Each run of the analysers and each model call is a step, so a second try pays
for nothing twice. Does not promise that a quiet report means good code.

`change` reads the diff, `checked` runs the analysers, `reading` asks the model, `memory` spares it what it read
before, `stage` puts them together.
"""

from pipeline.stages.analyze.memory import Readings
from pipeline.stages.analyze.parameters import CONTEXT, READS, Analysis, Params
from pipeline.stages.analyze.reading import GROUPS_AT_ONCE_MAX, LAST_FAILURES_MAX, MODEL_TRIES_MAX
from pipeline.stages.analyze.stage import VERSION, make_analyze

__all__ = (
    "CONTEXT",
    "GROUPS_AT_ONCE_MAX",
    "LAST_FAILURES_MAX",
    "MODEL_TRIES_MAX",
    "READS",
    "VERSION",
    "Analysis",
    "Params",
    "Readings",
    "make_analyze",
)
