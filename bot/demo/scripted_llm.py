"""Scripted LLM: a server that speaks the OpenAI protocol and answers from a script.

Promises that the same prompt gets the same answer, that every call is counted (`GET /__calls`, so that another
process can ask), and that it fails exactly as the script says: a status, HTML, rubbish, silence, dripping bytes, a
cut connection. The small questions by which a client finds out what we can do are answered and counted apart. Does
not promise to be a web server: HTTP/1.1, one request per connection, `/chat/completions` only. It is written on bare
asyncio because half of its faults are things that a web framework would repair.

Run it beside another process with `python -m bot.demo.scripted_llm --port 0 --script FILE.json`; it prints
`listening on URL` and then serves until it is stopped, or until its standard input ends if asked to
(`--until-stdin-ends`: it then dies with whoever started it, also by `kill -9`).
"""

import argparse
import asyncio
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Final, Literal, Self, TypeAlias
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field

HEAD_BYTES_MAX: Final = 65_536
"""Longest request line and headers that are read."""

BODY_BYTES_MAX: Final = 64 * 1024 * 1024
"""Longest request body that is read; a prompt of a real review stays under 1 MB."""

BYTES_PER_TOKEN: Final = 4
"""What this server bills for; a plain rule, so that a test can say how much a call cost."""

PROBE_ID: Final = "onceover-probe"
"""How the client names its small questions; written out, since a server knows nothing of its client's code."""

DRIP_SECONDS: Final = 0.02
"""Pause between the single bytes of a dripping answer."""

Fault: TypeAlias = Literal["cut", "cut_midway", "drip", "empty_body", "hang"]


class Record(BaseModel):
    """What all parts of a script share: a misspelt key is refused, not ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(Record):
    """One line of the script: which prompt it is for, and what happens then. The first that fits wins."""

    match: Annotated[str, Field(description="Text that the prompt contains; empty fits every prompt.")] = ""
    model: Annotated[str | None, Field(description="Only for calls of this model.")] = None
    response_format: Annotated[str | None, Field(description="Only for calls that ask for this type.")] = None
    parameter: Annotated[str | None, Field(description="Only for calls that carry this parameter.")] = None
    times: Annotated[int | None, Field(ge=1, description="How often it fits; without it, always.")] = None
    gate: Annotated[str | None, Field(description="Wait here until this gate is opened.")] = None
    delay_ms: Annotated[int, Field(ge=0, le=60_000, description="Latency of the pretended network.")] = 0
    answer: Annotated[Any, Field(description="JSON value, sent as the text of the answer.")] = None  # A free value.
    text: Annotated[str | None, Field(description="Text of the answer as it stands, instead of `answer`.")] = None
    finish_reason: str = "stop"
    usage: Annotated[bool, Field(description="Whether the answer says what it cost.")] = True
    cached_tokens: Annotated[int, Field(ge=0, description="Those of the prompt's that count as read before.")] = 0
    tool_calls: Annotated[tuple[Mapping[str, str], ...], Field(description="`name` and `arguments` of each.")] = ()
    status: Annotated[int, Field(ge=200, le=599)] = 200
    headers: Mapping[str, str] = Field(default_factory=dict)
    body: Annotated[str | None, Field(description="The whole body, instead of a completion.")] = None
    fault: Fault | None = None


class Script(Record):
    """All that the server will ever say."""

    rules: tuple[Rule, ...] = ()
    probes: Annotated[
        tuple[Rule, ...],
        Field(description="For the client's own small questions; what none fits is answered as a good server would."),
    ] = ()
    models: Annotated[str | None, Field(description="Body of `GET /models`; without it, there is no such page.")] = None
    props: Annotated[str | None, Field(description="Body of `GET /props`, beside `/v1`; the same.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as it arrived. Keys are not kept: only whether there was one."""

    prompt: str
    """First 16 hex digits of the SHA-256 of all messages."""
    model: str
    response_format: str | None
    parameters: tuple[str, ...]
    client_request_id: str | None
    accept_encoding: str | None
    authorized: bool
    rule: int | None
    """Place of the rule that fitted, from 0."""

    def as_json(self) -> dict[str, object]:
        """Give the call as a JSON value."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A parsed HTTP request."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class NotHttp(Exception):
    """The peer sent something else than an HTTP request that we read."""


@dataclass(slots=True)
class ScriptedLlm:
    """The server, as an async context manager: `async with ScriptedLlm(script) as llm: ... llm.url`.

    Args:
        script: What it answers; rules are tried in order.
        host: Address to listen on; loopback unless told otherwise.
        port: 0 takes a free one.
    """

    script: Script
    host: str = "127.0.0.1"
    port: int = 0
    calls: list[Call] = field(default_factory=list, init=False)
    probes: list[Call] = field(default_factory=list, init=False)
    """Small questions by which the client finds out what we do; told apart, so that a test counts its own."""
    _probed: Counter[int] = field(default_factory=Counter, init=False)
    _used: Counter[int] = field(default_factory=Counter, init=False)
    _open_gates: set[str] = field(default_factory=set, init=False)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition, init=False)
    _server: asyncio.Server | None = field(default=None, init=False)
    _connections: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    @property
    def url(self) -> str:
        """What a client takes as its base URL."""
        return f"http://{self.host}:{self.port}/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, self.port, limit=HEAD_BYTES_MAX)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def open_gate(self, name: str) -> None:
        """Let the calls that wait at this gate go on, and those to come."""
        async with self._changed:
            self._open_gates.add(name)
            self._changed.notify_all()

    async def close_gate(self, name: str) -> None:
        """Hold the calls to come at this gate."""
        async with self._changed:
            self._open_gates.discard(name)

    async def wait_calls(self, count: int) -> None:
        """Return as soon as `count` calls have arrived, answered or not."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.calls) >= count)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:  # Always so in a stream callback; the type allows None.
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        try:
            await self._answer(await read_request(reader), writer)
        except (NotHttp, ConnectionError, asyncio.CancelledError):
            # Nobody is left to be told. A cancellation is ours, at the end; asyncio would log it as an error.
            writer.transport.abort()
        finally:
            writer.close()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        path = urlsplit(request.target).path
        page = {"/v1/models": self.script.models, "/props": self.script.props}.get(path)
        if path.startswith("/__"):
            await send(writer, 200, await self._control(request))
        elif request.method == "GET" and page is not None:
            await send(writer, 200, page.encode())
        elif request.method == "POST" and path.endswith("/chat/completions"):
            await self._complete(request, writer)
        else:
            await send(writer, 404, error_body(f"No such page: {request.method} {path}", code=None))

    async def _control(self, request: Request) -> bytes:
        """Answer the pages that tests and the demo use from another process."""
        url = urlsplit(request.target)
        match url.path.strip("/").split("/"):
            case ["__calls"]:
                await self.wait_calls(int(parse_qs(url.query).get("wait_for", ["0"])[0]))
            case ["__gates", name, "open"]:
                await self.open_gate(name)
            case ["__gates", name, "close"]:
                await self.close_gate(name)
            case _:
                return json.dumps({"error": "Pages: /__calls[?wait_for=N], /__gates/NAME/open|close"}).encode()
        return json.dumps(
            {
                "total": len(self.calls),
                "by_prompt": Counter(call.prompt for call in self.calls),
                "calls": [call.as_json() for call in self.calls],
            }
        ).encode()

    async def _complete(self, request: Request, writer: asyncio.StreamWriter) -> None:
        try:
            asked = json.loads(request.body)
            prompt = "\n".join(str(message["content"]) for message in asked["messages"])
        except (ValueError, KeyError, TypeError, RecursionError):
            await send(writer, 400, error_body("The body is no chat completion request.", code=None))
            return
        if request.headers.get("x-client-request-id") == PROBE_ID:
            await self._play_probe(request, asked, prompt, writer)
            return
        place = self._choose(self.script.rules, self._used, asked, prompt)
        await self._record(self.calls, request, asked, prompt, place)
        if place is None:
            await send(writer, 400, error_body("No rule of the script fits this prompt.", code="no_rule"))
            return
        await self._play(self.script.rules[place], asked, prompt, writer)

    async def _play_probe(
        self, request: Request, asked: Mapping[str, Any], prompt: str, writer: asyncio.StreamWriter
    ) -> None:
        """Answer one of the client's small questions."""
        place = self._choose(self.script.probes, self._probed, asked, prompt)
        await self._record(self.probes, request, asked, prompt, place)
        await self._play(obedient(asked) if place is None else self.script.probes[place], asked, prompt, writer)

    def _choose(self, rules: Sequence[Rule], used: Counter[int], asked: Mapping[str, Any], prompt: str) -> int | None:
        """Find the first rule that fits and is not used up, and use it once."""
        for place, rule in enumerate(rules):
            if (rule.times is None or used[place] < rule.times) and fits(rule, asked, prompt):
                used[place] += 1
                return place
        return None

    async def _record(
        self, calls: list[Call], request: Request, asked: Mapping[str, Any], prompt: str, place: int | None
    ) -> None:
        call = Call(
            prompt=hashlib.sha256(prompt.encode()).hexdigest()[:16],
            model=str(asked.get("model")),
            response_format=format_type(asked),
            parameters=tuple(sorted(asked)),
            client_request_id=request.headers.get("x-client-request-id"),
            accept_encoding=request.headers.get("accept-encoding"),
            authorized="authorization" in request.headers,
            rule=place,
        )
        async with self._changed:
            calls.append(call)
            self._changed.notify_all()

    async def _play(self, rule: Rule, asked: Mapping[str, Any], prompt: str, writer: asyncio.StreamWriter) -> None:
        if rule.gate is not None:
            async with self._changed:
                await self._changed.wait_for(lambda: rule.gate in self._open_gates)
        await asyncio.sleep(rule.delay_ms / 1000)
        body = rule.body.encode() if rule.body is not None else completion_body(rule, asked, prompt)
        match rule.fault:
            case None:
                await send(writer, rule.status, body, rule.headers)
            case "empty_body":
                await send(writer, rule.status, b"", rule.headers)
            case "cut":
                writer.transport.abort()
            case "cut_midway":
                writer.write(head_bytes(rule.status, len(body), rule.headers) + body[: len(body) // 2])
                await writer.drain()
            case "hang":
                await asyncio.Event().wait()
            case "drip":
                await drip(writer, head_bytes(rule.status, len(body), rule.headers) + body)


def obedient(asked: Mapping[str, Any]) -> Rule:
    """Say what a server would that does all that it is asked: the first word of each choice, the first tool."""
    if asked.get("tools"):
        call = {"name": str(asked["tools"][0]["function"]["name"]), "arguments": '{"word": "yes"}'}
        return Rule(text="", tool_calls=(call,), finish_reason="tool_calls")
    described = asked.get("response_format", {}).get("json_schema", {}).get("schema", {}).get("properties", {})
    return Rule(answer={name: part["enum"][0] for name, part in described.items() if part.get("enum")})


def fits(rule: Rule, asked: Mapping[str, Any], prompt: str) -> bool:
    """Whether the rule is meant for this call."""
    return (
        rule.match in prompt
        and rule.model in {None, asked.get("model")}
        and rule.response_format in {None, format_type(asked)}
        and (rule.parameter is None or rule.parameter in asked)
    )


def format_type(asked: Mapping[str, Any]) -> str | None:
    """Name the kind of structure that the call asks for, if any."""
    asked_format = asked.get("response_format")
    return str(asked_format.get("type")) if isinstance(asked_format, dict) else None


def completion_body(rule: Rule, asked: Mapping[str, Any], prompt: str) -> bytes:
    """Write the rule's answer as a chat completion."""
    text = rule.text if rule.text is not None else json.dumps(rule.answer, ensure_ascii=False)
    name = hashlib.sha256(prompt.encode()).hexdigest()[:16]
    message: dict[str, object] = {"role": "assistant", "content": text}
    if rule.tool_calls:
        message["tool_calls"] = [
            {"id": f"call_{place}", "type": "function", "function": dict(call)}
            for place, call in enumerate(rule.tool_calls)
        ]
    completion: dict[str, object] = {
        "id": f"chatcmpl-{name}",
        "object": "chat.completion",
        "created": 0,
        "model": asked.get("model"),
        "choices": [{"index": 0, "message": message, "finish_reason": rule.finish_reason}],
    }
    if rule.usage:
        spent = {"prompt_tokens": tokens(prompt), "completion_tokens": tokens(text)}
        details = {"prompt_tokens_details": {"cached_tokens": rule.cached_tokens}} if rule.cached_tokens else {}
        completion["usage"] = {**spent, "total_tokens": sum(spent.values()), **details}
    return json.dumps(completion).encode()


def tokens(text: str) -> int:
    """Count as this server bills: UTF-8 bytes, divided and rounded up."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def error_body(message: str, *, code: str | None) -> bytes:
    """Write an error as the protocol does."""
    return json.dumps({"error": {"message": message, "type": "invalid_request_error", "code": code}}).encode()


async def read_request(reader: asyncio.StreamReader) -> Request:
    """Read one request with a Content-Length.

    Raises:
        NotHttp: The connection ended early, or what came is no such request.
    """
    try:
        start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = start.split(" ", 2)
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = min(int(headers.get("content-length", "0")), BODY_BYTES_MAX)
        return Request(method=method, target=target, headers=headers, body=await reader.readexactly(length))
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
        raise NotHttp from error


def head_bytes(status: int, length: int, headers: Mapping[str, str]) -> bytes:
    """Write the status line and the headers."""
    given = {"content-type": "application/json", "x-request-id": "req_scripted", **headers}
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join([*lines, f"content-length: {length}", "connection: close", "", ""]).encode("latin-1")


async def send(
    writer: asyncio.StreamWriter, status: int, body: bytes, headers: Mapping[str, str] | None = None
) -> None:
    """Send a whole answer."""
    writer.write(head_bytes(status, len(body), headers or {}) + body)
    await writer.drain()


async def drip(writer: asyncio.StreamWriter, payload: bytes) -> None:
    """Send byte by byte, so slowly that no pause is long and no end is near."""
    for byte in payload:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(DRIP_SECONDS)


async def serve(script: Script, *, port: int, until_stdin_ends: bool) -> None:
    """Serve, saying where, until cancelled or until standard input ends."""
    async with ScriptedLlm(script, port=port) as server:
        sys.stdout.write(f"listening on {server.url}\n")
        sys.stdout.flush()
        if until_stdin_ends:
            await stdin_end()
        else:
            await asyncio.Event().wait()


async def stdin_end() -> None:
    """Return when whoever started us closes our standard input, by intent or by dying."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(HEAD_BYTES_MAX):
        pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m bot.demo.scripted_llm", description=__doc__)
    parser.add_argument("--script", type=Path, required=True, help="JSON file: {'rules': [...]}.")
    parser.add_argument("--port", type=int, default=0, help="Port on loopback; 0 takes a free one.")
    parser.add_argument("--until-stdin-ends", action="store_true", help="Stop when standard input is closed.")
    given = parser.parse_args(arguments)
    script = Script.model_validate_json(given.script.read_bytes())
    try:
        asyncio.run(serve(script, port=given.port, until_stdin_ends=given.until_stdin_ends))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
