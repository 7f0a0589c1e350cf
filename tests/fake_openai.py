"""A local server that speaks OpenAI's protocol, and misbehaves on demand."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

Json = dict[str, Any]
Reply = tuple[int, dict[str, str], Any]


@dataclass
class FakeOpenAI:
    """An endpoint. ``script`` are the replies in turn, the last of them again and again.

    A reply is (status, headers, body), a function from the request's body to one, ``"hang"`` (never answer)
    or ``"drop"`` (hang up in the middle). ``models`` is what it says under ``/models``, None for nothing; ``probes``
    are the paths that were looked at.
    """

    url: str
    script: list[Any] = field(default_factory=list)
    requests: list[Json] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    models: Any = None
    probes: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    over: threading.Event = field(default_factory=threading.Event)

    @staticmethod
    def said(*texts: str | None, **choice: Any) -> Reply:
        """A good answer to a chat."""
        choices = [
            {"index": i, "finish_reason": "stop", "message": {"role": "assistant", "content": text}, **choice}
            for i, text in enumerate(texts)
        ]
        usage = {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
        return 200, {}, {"id": "x", "object": "chat.completion", "choices": choices, "usage": usage}

    @staticmethod
    def refused(status: int, message: str = "no", headers: dict[str, str] | None = None, **fields: Any) -> Reply:
        """An error in OpenAI's form."""
        return status, headers or {}, {"error": {"message": message, "type": "t", **fields}}

    def answer(self, path: str, key: str, body: Json) -> Any:
        with self.lock:
            step = self.script[min(len(self.requests), len(self.script) - 1)]
            self.requests.append(body)
            self.paths.append(path)
            self.keys.append(key)
            self.times.append(time.monotonic())
        return step(body) if isinstance(step, Callable) else step  # type: ignore[arg-type]


@pytest.fixture
def endpoint() -> Iterator[FakeOpenAI]:
    """A fake endpoint on loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else a body waits 40 ms for the client to confirm the headers

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            fake.headers.append({name.lower(): value for name, value in self.headers.items()})
            reply = fake.answer(self.path, self.headers.get("Authorization", ""), body)
            if reply == "hang":
                fake.over.wait(20)
                self.close_connection = True
                return
            status, headers, content = (200, {}, b'{"choices": [') if reply == "drop" else reply
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.close_connection = reply == "drop"
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data) + 100 * self.close_connection))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            fake.probes.append(self.path)
            data = json.dumps(fake.models).encode()
            self.send_response(404 if fake.models is None else 200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: Any) -> None:
            """Say nothing of a client that hangs up."""

    server = Server(("127.0.0.1", 0), Handler)
    fake = FakeOpenAI(f"http://127.0.0.1:{server.server_port}/v1", [FakeOpenAI.said("SELECT 1")])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield fake
    fake.over.set()
    server.shutdown()
    thread.join()
    server.server_close()
