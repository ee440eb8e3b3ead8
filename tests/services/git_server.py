"""A git server over HTTP as small as can be: repositories by name, one token, faults on request.

It speaks the smart protocol through git's own `upload-pack`, so what a client meets here is what git servers say.
"""

import base64
import contextlib
import gzip
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Self

from tests.builders.repository import ISOLATED, RepositoryBuilder

TOKEN: Final = "ghs_a-token-for-tests"
WAIT_SECONDS_MAX: Final = 30.0


@dataclass(kw_only=True)
class GitServer:
    """What it serves and how it behaves; a test changes it as it likes."""

    root: Path
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    answers: Mapping[str, int] = field(default_factory=dict)
    """Status that a path's last part is answered with, instead of its content: `upload-pack` or `refs`."""
    words: str = ""
    """What those answers say."""
    location: str = ""
    """Where an answer of 3xx points to."""
    knows_version_2: bool = True
    """An old server shows its refs and gives nothing else."""
    cuts_after_bytes: int | None = None
    """Break the connection so far into a pack."""
    is_held: threading.Event | None = None
    """A pack waits for it."""
    asked: list[str] = field(default_factory=list)
    """Paths of the requests, in order."""
    authorizations: list[str | None] = field(default_factory=list)
    pack_bytes: list[int] = field(default_factory=list)
    """Sizes of the packs that were sent."""
    is_asked: threading.Event = field(default_factory=threading.Event)
    """A pack was asked for."""
    _http: ThreadingHTTPServer = field(init=False)

    def __enter__(self) -> Self:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_held:
            self.is_held.set()
        self._http.shutdown()
        self._http.server_close()

    @property
    def url(self) -> str:
        """Address, without a path."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def make_repository(self, name: str = "acme/shop") -> RepositoryBuilder:
        """Make a repository that is served under its name."""
        return RepositoryBuilder(path=self.root / f"{name}.git", is_checked_out=False)

    def upload_pack(self, path: Path, *options: str, protocol: str, body: bytes = b"") -> bytes:
        """Run git's own server side once."""
        env = {"PATH": "/usr/bin:/bin:/usr/local/bin", **ISOLATED}
        if self.knows_version_2:
            env["GIT_PROTOCOL"] = protocol
        done = subprocess.run(
            ["git", "upload-pack", "--stateless-rpc", *options, str(path)],
            env=env,
            input=body,
            capture_output=True,
            timeout=WAIT_SECONDS_MAX,
            check=False,
        )
        return done.stdout


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, world: GitServer, *connection: Any) -> None:  # noqa: ANN401 - the library's own.
        self.world = world  # First: the base class answers from within its own constructor.
        super().__init__(*connection)

    def do_GET(self) -> None:
        """Show the refs, or the server's abilities."""
        path = self._admit("refs")
        if path:
            head = b"" if self.world.knows_version_2 and self._protocol else b"001e# service=git-upload-pack\n0000"
            shown = self.world.upload_pack(path, "--http-backend-info-refs", protocol=self._protocol)
            self._send(200, head + shown, "application/x-git-upload-pack-advertisement")

    def do_POST(self) -> None:
        """Negotiate and send a pack."""
        body = self._body()
        path = self._admit("upload-pack")
        if path:
            if b"fetch" in body or not self.world.knows_version_2:
                self.world.is_asked.set()
                if self.world.is_held:
                    self.world.is_held.wait(WAIT_SECONDS_MAX)
            pack = self.world.upload_pack(path, protocol=self._protocol, body=body)
            self._send(200, pack, "application/x-git-upload-pack-result")
            self.world.pack_bytes.append(len(pack))

    @property
    def _protocol(self) -> str:
        return self.headers.get("Git-Protocol", "")

    def _body(self) -> bytes:
        raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        return gzip.decompress(raw) if self.headers.get("Content-Encoding") == "gzip" else raw

    def _admit(self, service: str) -> Path | None:
        self.world.asked.append(self.path)
        self.world.authorizations.append(self.headers.get("Authorization"))
        if status := self.world.answers.get(service):
            self._send(status, self.world.words.encode(), "text/plain")
            return None
        if self.headers.get("Authorization") not in {basic(token) for token in self.world.tokens}:
            self._send(401, b"")
            return None
        path = self.world.root / self.path.lstrip("/").partition(".git/")[0]
        if not path.with_name(path.name + ".git").is_dir():
            self._send(404, b"Repository not found.", "text/plain")
            return None
        return path.with_name(path.name + ".git")

    def _send(self, status: int, body: bytes, kind: str = "text/html") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="GitHub"')
        if self.world.location:
            self.send_header("Location", self.world.location)
        self.end_headers()
        cut = self.world.cuts_after_bytes if kind.endswith("result") else None
        with contextlib.suppress(OSError):
            self.wfile.write(body[:cut])
        self.close_connection = cut is not None and cut < len(body)

    def handle(self) -> None:
        """Answer until the client goes, also when it does so in the middle."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  The name is the library's.
        """Say nothing."""


def basic(token: str) -> str:
    """Write a token as GitHub expects it from git."""
    return "Basic " + base64.b64encode(f"x-access-token:{token}".encode()).decode()


def served_at(root: Path) -> Iterator[GitServer]:
    """Serve for a test, as a fixture does."""
    with GitServer(root=root) as server:
        yield server
