"""Fake GitHub: the two endpoints of the manifest flow, over real HTTP.

It checks a manifest as GitHub does, registers the App, sends the browser back with a code that is good once, and hands
the credentials out for it.
"""

import asyncio
import json
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Literal, Self
from urllib.parse import parse_qs, urlencode, urlsplit

PEM: Final = "-----BEGIN RSA PRIVATE KEY-----\ncanary-pem\n-----END RSA PRIVATE KEY-----\n"
WEBHOOK_SECRET: Final = "canary-webhook-secret"

Fault = Literal["hang", "cut", "error", "rubbish", "huge", "elsewhere"]


@dataclass
class FakeGitHub:
    """A GitHub whose pages and whose API stand on one address, as on a GitHub Enterprise Server."""

    fault: Fault | None = None
    url: str = ""
    """Where its pages are, from the moment it listens."""
    app_id: int = 4711
    manifests: list[dict[str, object]] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)
    conversions: int = 0
    _codes: set[str] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(line[15:]) for line in head.splitlines() if line.lower().startswith("content-length:")), 0)
        body = (await reader.readexactly(length)).decode()
        method, target, _ = head.split(" ", 2)
        answer = self._answer(method, target, body)
        if answer is None:
            if self.fault == "hang":
                await reader.read()  # Until the other side gives up.
        else:
            writer.write(answer)
        writer.close()

    def _answer(self, method: str, target: str, body: str) -> bytes | None:
        address = urlsplit(target)
        parts = address.path.strip("/").split("/")
        if method == "POST" and parts[-3:] == ["settings", "apps", "new"]:
            self.owners.append(parts[1] if parts[0] == "organizations" else "")
            return self._register(parse_qs(address.query)["state"][0], parse_qs(body)["manifest"][0])
        if method == "POST" and parts[:3] == ["api", "v3", "app-manifests"] and parts[4] == "conversions":
            return self._convert(parts[3])
        return _response(404, "{}")

    def _register(self, state: str, written: str) -> bytes:
        manifest = json.loads(written)
        assert "secret" not in manifest["hook_attributes"], "GitHub refuses a manifest that brings a secret."
        self.manifests.append(manifest)
        code = f"code{len(self.manifests)}"
        self._codes.add(code)
        back = f"{manifest['redirect_url']}?{urlencode({'code': code, 'state': state})}"
        return _response(302, "", f"Location: {back}\r\n")

    def _convert(self, code: str) -> bytes | None:
        self.conversions += 1
        if self.fault in {"hang", "cut"}:
            return None
        if self.fault == "error":
            return _response(500, "canary-error-page")
        if self.fault == "rubbish":
            return _response(201, json.dumps({"pem": PEM}))
        if code not in self._codes:
            return _response(404, "{}")
        self._codes.remove(code)
        place = "https://elsewhere.example" if self.fault == "elsewhere" else self.url
        app = {
            "id": self.app_id,
            "slug": "onceover-acme",
            "html_url": f"{place}/apps/onceover-acme",
            "client_id": "Iv1.0",
            "client_secret": "canary-client-secret",
            "webhook_secret": WEBHOOK_SECRET,
            "pem": PEM,
        }
        return _response(201, json.dumps(app) + " " * (1_000_000 if self.fault == "huge" else 0))


def _response(status: int, body: str, headers: str = "") -> bytes:
    return (f"HTTP/1.1 {status} X\r\n{headers}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}").encode()
