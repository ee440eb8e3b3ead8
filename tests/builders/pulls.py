"""Builders of what stands on a pull request: only what a test is about is said, the rest is ordinary."""
# ruff: noqa: ANN401 - the fields are keyword arguments of dataclasses, which mypy checks where they are read.

from typing import Any, Final

from pipeline.engine.lifecycle import RunState, StageState
from pipeline.review.pull.anchors import PatchedFiles, PullFile, read_files
from pipeline.review.pull.check_page import RunFacts
from pipeline.review.pull.marker import SUMMARY, Marker
from pipeline.review.pull.stage_table import StageRow
from pipeline.review.pull.summary_page import PageFacts

HEAD: Final = "3c1f0a9be27d4c5a8e6f1b2d3c4e5f60718293a4"
NOW_MS: Final = 1_795_435_200_000
"""23 November 2026, 12:00 UTC."""

MINUTE_MS: Final = 60_000
REPOSITORY_URL: Final = "https://github.com/acme/shop"

PATCH: Final = """@@ -40,6 +40,7 @@ class Order:
     def total(self):
-        total = 0
-        for line in self.lines:
+        lines = self.lines
+        for line in lines:
+            check(line)
             total += line.price
         return total
 
@@ -90,3 +91,2 @@ class Order:
     a = 1
-    b = 2
     c = 3
"""  # noqa: W293 - git writes a blank before an empty line.
"""RIGHT: 40 to 46 and 91 to 92, of which 41 to 43 are added; LEFT: 41, 42 and 91."""


def files_with(patch: str | None = PATCH, path: str = "shop/order.py", **fields: Any) -> PatchedFiles:
    """Make the changed files of a pull request: one."""
    return read_files([PullFile(path=path, patch=patch, **fields)])


def a_marker(**fields: Any) -> Marker:
    """Make the marker of the summary comment of pull request 7."""
    return Marker(**{"kind": SUMMARY, "host": "api.github.com", "repository_id": 5150, "number": 7, **fields})


def page_facts(**fields: Any) -> PageFacts:
    """Make what the page says of pull request 7."""
    ordinary = {
        "marker": a_marker(),
        "run_id": "r_7f3a",
        "head": HEAD,
        "base_ref": "main",
        "head_ref": "feature/discount",
        "title": "Take discounts off before the total",
        "now_ms": NOW_MS,
    }
    return PageFacts(**{**ordinary, **fields})


def a_stage(name: str = "analyze", state: StageState = StageState.DONE, **fields: Any) -> StageRow:
    """Make a stage that took 14 seconds, if it is done."""
    ordinary = {"attempt": 1, "seconds": 14.2} if state is StageState.DONE else {}
    return StageRow(name=name, state=state, **{**ordinary, **fields})


def a_run(state: RunState = RunState.DONE, *stages: StageRow, **fields: Any) -> RunFacts:
    """Make a run; its stages are done unless they are given."""
    names = ("prepare", "analyze", "test", "docs", "summarize", "comment")
    every = stages or tuple(a_stage(name) for name in names)
    return RunFacts(**{"run_id": "r_7f3a", "head": HEAD, "state": state, "stages": every, "now_ms": NOW_MS, **fields})
