"""Runs as JSON: what `onceover runs list --json` and `show --json` print; keys are only ever added."""

from pipeline.engine.records import RunRecord


def run_json(run: RunRecord) -> dict[str, object]:
    """Write one run for programs. Times are Unix milliseconds by Redis's clock."""
    return {
        "run_id": run.run_id,
        "state": run.state,
        "degraded": run.is_degraded,
        "subject": run.subject,
        "revision": run.revision,
        "created_ms": run.created_ms,
        "ended_ms": run.ended_ms,
        "deadline_ms": run.deadline_ms,
        "journal_entries": run.journal_length,
        "journal_head": run.journal_head,
        "stages": [
            {
                "name": stage.name,
                "role": stage.role,
                "state": stage.state,
                "generation": stage.generation,
                "attempts": stage.attempt,
                "interrupted": stage.interrupted,
                "seconds": stage.seconds,
                "waits_for": stage.waits_for,
                "wake_ms": stage.wake_ms,
                "reused": stage.reused,
                "partial": stage.partial,
                "error": stage.error,
            }
            for stage in run.stages.values()
        ],
    }
