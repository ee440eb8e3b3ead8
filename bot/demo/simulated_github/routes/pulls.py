"""Routes of pull requests: reading them, their files and their diff."""

from typing import Final

from litestar import Response, get

from bot.demo.simulated_github.call import Call
from bot.demo.simulated_github.diffs import whole_diff
from bot.demo.simulated_github.refusals import Refusal
from bot.demo.simulated_github.repositories import Pull
from bot.demo.simulated_github.routes.repositories import REPOSITORY
from bot.demo.simulated_github.shapes import pulls

DIFF_FILES_MAX: Final = 300
"""A pull request with more files has no diff: 406."""

DIFF_LINES_MAX: Final = 20_000
"""Likewise."""

LISTED_FILES_MAX: Final = 3_000
"""Most files that are listed, over all pages."""

PULL: Final = REPOSITORY + "/pulls/{number:int}"


@get(PULL)
async def read_pull(request: Call) -> Response[object]:
    """Tell about a pull request, or give its diff."""
    pull = request.pull()
    if "diff" in request.headers.get("accept", ""):
        return _diff(pull)
    return Response(pulls.pull_full(request.world, pull, head=shown_head(request, pull)))


@get(REPOSITORY + "/pulls")
async def list_pulls(request: Call) -> Response[object]:
    """List pull requests, the newest or the last changed first, by state, head and base."""
    repository = request.repository("pull_requests:read")
    query = request.query_params
    state, head, base = query.get("state", "open"), query.get("head"), query.get("base")
    fitting = [
        pull
        for pull in request.visible(repository.pulls.values())
        if state in {"all", pull.state}
        and base in {None, pull.base_ref}
        and head in {None, f"{pull.head_owner.login}:{pull.head_ref}"}
    ]
    is_by_change = query.get("sort") == "updated"
    fitting.sort(
        key=lambda pull: (pull.updated_at if is_by_change else pull.created_at, pull.number),
        reverse=query.get("direction", "desc") == "desc",
    )
    return request.paged(fitting, lambda pull: pulls.pull_simple(request.world, pull, head=shown_head(request, pull)))


@get(PULL + "/files")
async def list_files(request: Call) -> Response[object]:
    """List the files of a pull request, with patches where git has some."""
    pull = request.pull()
    repository, sha = pull.repository, shown_head(request, pull)
    files = repository.changes(pull, sha)[:LISTED_FILES_MAX]
    return request.paged(files, lambda file: pulls.changed_file(request.world, repository, file, sha))


def shown_head(request: Call, pull: Pull) -> str:
    """Give the head that this request is shown: the newest, unless a fault shows the one before."""
    is_old = any(view.fault.kind == "old_head" for view in request.given.views)
    return pull.heads[-2] if is_old and len(pull.heads) > 1 else pull.head_sha


def _diff(pull: Pull) -> Response[object]:
    base = pull.repository.git.merge_base(pull.base_sha, pull.head_sha)
    text = whole_diff(pull.repository.git, base, pull.head_sha)
    if len(pull.repository.changes(pull)) > DIFF_FILES_MAX or text.count("\n") > DIFF_LINES_MAX:
        words = f"Sorry, the diff exceeded the maximum number of files ({DIFF_FILES_MAX})."
        raise Refusal(406, words, {"resource": "PullRequest", "field": "diff", "code": "too_large"})
    return Response(text, media_type="application/vnd.github.diff")


HANDLERS = [read_pull, list_pulls, list_files]
