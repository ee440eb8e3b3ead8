"""Routes of git: smart HTTP for fetching, answered by git itself.

A private repository needs `x-access-token:TOKEN` as Basic credentials, with `contents: read`. Any SHA may be asked for
and `--filter` works, as on GitHub. There is no pushing: users push by `SimulatedGitHub.push`.
"""

import asyncio
import gzip
from collections.abc import Sequence
from typing import Final

from litestar import Response, get, post

from bot.demo.simulated_github.call import Call
from bot.demo.simulated_github.git_store import GIT_SECONDS_MAX, environment
from bot.demo.simulated_github.refusals import Refusal
from bot.demo.simulated_github.repositories import Repository

SERVICE: Final = "git-upload-pack"

ADVERTISED: Final = b"001e# service=git-upload-pack\n0000"
"""What stands before the list of refs."""

NO_CACHE: Final = {"Cache-Control": "no-cache, max-age=0, must-revalidate"}


@get("/{owner:str}/{name:str}/info/refs")
async def list_refs(request: Call) -> Response[bytes]:
    """List refs, or what this server can do in protocol 2."""
    repository = _repository(request)
    if request.query_params.get("service") != SERVICE:
        raise Refusal(403, "Only git-upload-pack is served here.")
    version = request.headers.get("git-protocol")
    told = await _upload_pack(repository, ["--http-backend-info-refs"], b"", version)
    body = told if version == "version=2" else ADVERTISED + told
    return Response(body, media_type=f"application/x-{SERVICE}-advertisement", headers=NO_CACHE)


@post("/{owner:str}/{name:str}/git-upload-pack", status_code=200)
async def upload_pack(request: Call) -> Response[bytes]:
    """Answer one round of fetching."""
    repository = _repository(request)
    asked = await request.body()
    if request.headers.get("content-encoding") == "gzip":
        asked = gzip.decompress(asked)
    told = await _upload_pack(repository, [], asked, request.headers.get("git-protocol"))
    return Response(told, media_type=f"application/x-{SERVICE}-result", headers=NO_CACHE)


def _repository(request: Call) -> Repository:
    request.path_params["name"] = request.path_params["name"].removesuffix(".git")
    try:
        return request.repository("contents:read")
    except Refusal as refusal:
        if request.credential() is not None:
            raise
        headers = {"WWW-Authenticate": 'Basic realm="GitHub"'}  # Without it, git does not send what it has.
        raise Refusal(401, "Authentication required", headers=headers) from refusal


async def _upload_pack(repository: Repository, options: Sequence[str], asked: bytes, version: str | None) -> bytes:
    process = await asyncio.create_subprocess_exec(
        "git",
        "upload-pack",
        "--stateless-rpc",
        "--strict",
        *options,
        str(repository.git.path),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment() | ({"GIT_PROTOCOL": version} if version else {}),
    )
    try:
        told, _ = await asyncio.wait_for(process.communicate(asked), GIT_SECONDS_MAX)
    except BaseException:  # Whatever ends the request must end git too: a time-out, a cancellation.
        process.kill()
        await process.wait()
        raise
    return told


HANDLERS = [list_refs, upload_pack]
