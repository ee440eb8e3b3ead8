"""Telling: the verbs that change nothing."""

import json

from pipeline.review.configuration.effective import effective
from pipeline.review.configuration.reading import PATH_IN_REPOSITORY, read_configuration
from pipeline.review.plan import Plan
from pipeline.review.pull import replies
from pipeline.review.pull.dismissals import read_dismissals, without_dismissed
from pipeline.review.pull.replies import Reply
from pipeline.review.pull.run_rows import next_attempt_ms, stage_rows
from pipeline.services.configuration_files import read_configuration_files
from pipeline.services.github.models import Pull
from pipeline.services.stage_results import read_stored, stage_result
from pipeline.stages.obey.work import Work


async def status(work: Work, pull: Pull) -> Reply:
    """Tell how the review stands."""
    run = await work.run_of(pull)
    now_ms = work.servant.now_ms()
    if run is None:
        return replies.status((), head=pull.head.sha, words="", now_ms=now_ms, next_attempt_ms=None)
    words = f"the review is {run.state}"
    if (summary := await work.summary(run)) is not None:
        plan = read_stored(await stage_result(work.records, run, "prepare"), Plan)
        dismissed = read_dismissals(await work.records.notes(work.subject))
        words = without_dismissed(summary, plan, dismissed.keys()).headline
    return replies.status(
        stage_rows(run), head=pull.head.sha, words=words, now_ms=now_ms, next_attempt_ms=next_attempt_ms(run)
    )


async def config(work: Work, pull: Pull) -> Reply:
    """Tell the configuration as it is understood."""
    files = await read_configuration_files(
        work.servant.github, work.params.at, PATH_IN_REPOSITORY, base_ref=pull.base.ref
    )
    source = f"{PATH_IN_REPOSITORY} of {pull.base.ref}"
    read = read_configuration(
        files.repository, source=source, organisation=files.organisation, ceilings=work.servant.ceilings
    )
    lines = "\n".join(f"{one.name}: {json.dumps(one.value)}  # {one.origin}" for one in effective(read))
    return replies.config_seen(lines, source=source, problems=[str(problem) for problem in read.problems])
