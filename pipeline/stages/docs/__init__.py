"""Stage docs: the documentation that bears on the change, and what of it the change made wrong.

Promises passages of the head's own documents, cited by path and lines, and remarks on documents that still tell a
changed name the old way. What was too large or too much to read is said. A model, if one is asked, is asked once, and
only where a rule found something; it can drop, doubt, confirm or reword a remark, and make none.
Does not promise to notice a description that names nothing.

Reading is no step: the same head gives the same passages and remarks, and what is dear, cutting documents into
sections, is kept by content in the index, so that a second try or the next push finds it there. What is paid for is a
step.

`change` reads the diff, `retrieval` asks the index, `nearness` an embedding model if there is one, `stale` finds
remarks by rule, `check` asks the model, `stage` puts them together.
"""

from pipeline.stages.docs.parameters import CONTEXT, READS, Params, Wanted
from pipeline.stages.docs.retrieval import HeadDocumentation
from pipeline.stages.docs.stage import VERSION, make_docs

__all__ = ("CONTEXT", "READS", "VERSION", "HeadDocumentation", "Params", "Wanted", "make_docs")
