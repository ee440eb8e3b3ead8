"""Stage obey: what somebody asked for by a comment or a button is done, or refused.

A command is a run of its own, so it survives what a review survives and is obeyed once, however often it is delivered.
Promises that nothing is done before GitHub has said that the sender may write to the repository; that a clear answer
is needed for that, and any other refuses; and that who may not is answered by a reaction alone. What a command is
about is the head that GitHub names after the permission was checked, not the one that the writer may have seen.

`stage` asks who may and answers; `work` is what every verb may look at; `reviewing`, `telling` and `findings` hold the
verbs.
"""

from pipeline.stages.obey.stage import make_obey
from pipeline.stages.obey.work import CONTEXT, READS, VERSION, Params, Servant

__all__ = ("CONTEXT", "READS", "VERSION", "Params", "Servant", "make_obey")
