"""Routes of repositories: themselves, commits, comparisons, file contents and who may do what."""

import base64
from collections.abc import Sequence
from typing import Final

from litestar import Response, get
from litestar.params import FromPath

from bot.demo.simulated_github.call import Call, with_slashes
from bot.demo.simulated_github.diffs import changed_files, whole_diff
from bot.demo.simulated_github.git_store import SHA_DIGITS, UnknownObject
from bot.demo.simulated_github.refusals import Refusal, not_found
from bot.demo.simulated_github.repositories import Repository
from bot.demo.simulated_github.shapes import accounts, checks, pulls
from bot.demo.simulated_github.shapes.pulls import changed_file
from bot.demo.simulated_github.world import Json

COMPARED_FILES_MAX: Final = 300
"""Most files that a comparison lists."""

COMPARED_COMMITS_MAX: Final = 250
"""Most commits that a comparison lists."""

INLINE_BYTES_MAX: Final = 1_000_000
"""A larger file has no content in JSON; only the raw media type gives it."""

REPOSITORY: Final = "/repos/{owner:str}/{name:str}"


@get(REPOSITORY)
async def read_repository(request: Call) -> Response[object]:
    """Tell about a repository."""
    return Response(accounts.repository(request.world, request.repository()))


@get(REPOSITORY + "/commits/{ref:str}")
async def read_commit(request: Call, ref: FromPath[str]) -> Response[object]:
    """Tell about a commit, with the files it changed."""
    repository = request.repository("contents:read")
    sha = find_commit(repository, ref)
    shape = checks.commit(request.world, repository, sha)
    if shape["parents"]:
        files = changed_files(repository.git, shape["parents"][0]["sha"], sha)
        shape["files"] = [changed_file(request.world, repository, file, sha) for file in files]
    return Response(shape)


@get(REPOSITORY + "/commits/{ref:str}/pulls")
async def list_commit_pulls(request: Call, ref: FromPath[str]) -> Response[object]:
    """List the open pull requests that a commit is the head of."""
    repository = request.repository("pull_requests:read")
    sha = find_commit(repository, ref)
    return request.paged(request.visible(repository.pulls_of(sha)), lambda pull: pulls.pull_simple(request.world, pull))


@get(REPOSITORY + "/compare/{basehead:path}")
async def compare(request: Call, basehead: FromPath[str]) -> Response[object]:
    """Compare two commits from where they parted."""
    repository = request.repository("contents:read")
    base_name, dots, head_name = with_slashes(basehead).lstrip("/").partition("...")
    if not dots:
        raise not_found()
    try:
        base, head = (repository.git.sha(one.rpartition(":")[2]) for one in (base_name, head_name))
        merge_base = repository.git.merge_base(base, head)
    except UnknownObject as error:
        raise not_found() from error
    if "diff" in request.headers.get("accept", ""):
        return Response(whole_diff(repository.git, merge_base, head), media_type="text/plain")
    return Response(_comparison(request, repository, (base, merge_base, head)))


@get(REPOSITORY + "/branches/{branch:path}")
async def read_branch(request: Call, branch: FromPath[str]) -> Response[object]:
    """Tell about a branch, and which checks its protection requires."""
    repository = request.repository("contents:read")
    name = with_slashes(branch).strip("/")
    api = f"{request.world.url}/repos/{repository.full_name}/branches/{name}"
    page = f"{request.world.url}/{repository.full_name}/tree/{name}"
    is_default = name == repository.default_branch
    return Response(
        {
            "name": name,
            "commit": checks.commit(request.world, repository, find_commit(repository, name)),
            "_links": {"self": api, "html": page},
            "protected": is_default and bool(repository.protected_checks),
            "protection": checks.protection(repository) if is_default else {"enabled": False},
            "protection_url": f"{api}/protection",
        }
    )


@get(REPOSITORY + "/rules/branches/{branch:path}")
async def list_rules(request: Call, branch: FromPath[str]) -> Response[object]:
    """List the active rules that hold on a branch, whether it exists or not."""
    repository = request.repository("metadata:read")
    is_default = with_slashes(branch).strip("/") == repository.default_branch
    return request.paged(checks.rules(repository) if is_default else [], lambda one: one)


@get([REPOSITORY + "/contents", REPOSITORY + "/contents/{path:path}"])
async def read_contents(request: Call) -> Response[object]:
    """Give a file (raw, or as base64 in JSON) or list a directory."""
    repository = request.repository("contents:read")
    ref = request.query_params.get("ref") or repository.default_branch
    try:
        sha = repository.git.sha(ref)
    except UnknownObject as error:
        raise Refusal(404, f"No commit found for the ref {ref}") from error
    if not (place := with_slashes(str(request.path_params.get("path", ""))).strip("/")):
        return Response(_directory(request, repository, ref, sha, ""))
    listing = repository.git.ask("ls-tree", "-z", "--long", sha, "--", f":(literal){place}").decode(errors="replace")
    if not listing:
        raise not_found()
    entry = listing.rstrip("\0")
    if entry.split()[1] == "tree":
        return Response(_directory(request, repository, ref, sha, f"{place}/"))
    blob = repository.git.ask("cat-file", "blob", entry.split()[2]) if entry.split()[1] == "blob" else b""
    if "raw" in request.headers.get("accept", ""):
        return Response(blob, media_type="application/vnd.github.raw+json")
    return Response({**_entry(request, repository, ref, entry, ""), **_content(blob)})


@get(REPOSITORY + "/collaborators/{login:str}/permission")
async def read_permission(request: Call, login: FromPath[str]) -> Response[object]:
    """Say what a user may do; 404 for a user who is not there."""
    repository = request.repository("metadata:read")
    request.installation_token()
    if login not in request.world.accounts:
        raise not_found()
    access = repository.access_of(login)
    rights = {
        "pull": access.permission != "none",
        "triage": access.role_name in {"triage", "write", "maintain", "admin"},
        "push": access.permission in {"write", "admin"},
        "maintain": access.role_name in {"maintain", "admin"},
        "admin": access.permission == "admin",
    }
    user = {
        **accounts.user(request.world, request.world.account(login)),
        "permissions": rights,
        "role_name": access.role_name,
    }
    return Response({"permission": access.permission, "role_name": access.role_name, "user": user})


def find_commit(repository: Repository, ref: str) -> str:
    """Resolve a SHA or a ref.

    Raises:
        Refusal: 422 `No commit found for SHA`, in GitHub's words.
    """
    ref = with_slashes(ref)
    try:
        return repository.git.sha(ref)
    except UnknownObject as error:
        words = f"No commit found for SHA: {ref}"
        raise Refusal(422 if len(ref) == SHA_DIGITS else 404, words) from error


def _comparison(request: Call, repository: Repository, shas: tuple[str, str, str]) -> Json:
    base, merge_base, head = shas
    git, world = repository.git, request.world
    ahead = git.ask("rev-list", "--reverse", f"{base}..{head}").decode().split()
    behind = git.ask("rev-list", f"{head}..{base}").decode().split()
    page = f"{world.url}/{repository.full_name}/compare/{base}...{head}"
    files = changed_files(git, merge_base, head)[:COMPARED_FILES_MAX] if request.number("page", 1) == 1 else []
    return {
        "url": f"{world.url}/repos/{repository.full_name}/compare/{base}...{head}",
        "html_url": page,
        "permalink_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "base_commit": checks.commit(world, repository, base),
        "merge_base_commit": checks.commit(world, repository, merge_base),
        "status": _relation(ahead, behind),
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "commits": [checks.commit(world, repository, sha) for sha in ahead[:COMPARED_COMMITS_MAX]],
        "files": [changed_file(world, repository, file, head) for file in files],
    }


def _relation(ahead: Sequence[str], behind: Sequence[str]) -> str:
    if ahead and behind:
        return "diverged"
    if ahead:
        return "ahead"
    return "behind" if behind else "identical"


def _directory(request: Call, repository: Repository, ref: str, sha: str, place: str) -> list[Json]:
    listing = repository.git.ask("ls-tree", "-z", "--long", f"{sha}:{place}").decode(errors="replace")
    return [_entry(request, repository, ref, one, place) for one in listing.split("\0") if one]


def _entry(request: Call, repository: Repository, ref: str, entry: str, below: str) -> Json:
    """Give one line of `ls-tree --long` as GitHub lists it."""
    facts, _, name = entry.partition("\t")
    mode, kind, sha, size = facts.split()
    path = below + name
    api = f"{request.world.url}/repos/{repository.full_name}"
    page = f"{request.world.url}/{repository.full_name}"
    links = {
        "self": f"{api}/contents/{path}?ref={ref}",
        "git": f"{api}/git/blobs/{sha}",
        "html": f"{page}/blob/{ref}/{path}",
    }
    types = {"tree": "dir", "commit": "submodule"}
    return {
        "type": "symlink" if mode == "120000" else types.get(kind, "file"),
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": sha,
        "size": 0 if size == "-" else int(size),
        "url": links["self"],
        "git_url": links["git"],
        "html_url": links["html"],
        "download_url": f"{page}/raw/{ref}/{path}",
        "_links": links,
    }


def _content(blob: bytes) -> Json:
    if len(blob) > INLINE_BYTES_MAX:
        return {"content": "", "encoding": "none"}
    return {"content": base64.encodebytes(blob).decode(), "encoding": "base64"}


HANDLERS = [
    read_repository,
    read_commit,
    list_commit_pulls,
    compare,
    read_branch,
    list_rules,
    read_contents,
    read_permission,
]
