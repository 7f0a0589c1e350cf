"""A server on a real socket that misbehaves below and above HTTP, and how an ``eval`` of it is to end."""

# ruff: noqa: E501 (a case is a line)
from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

SQL = "SELECT 1"
KEY = "sk-only-made-up-0123456789"
Json = dict[str, Any]


@dataclass
class Talk:
    """One request, and the means to answer it by any bytes. ``calls`` counts from 1; headers in small letters."""

    connection: socket.socket
    asked: Json
    calls: int
    headers: Mapping[str, str] = field(default_factory=dict)

    def raw(self, data: bytes) -> None:
        self.connection.sendall(data)

    def reply(
        self, body: object, status: int = 200, headers: Mapping[str, str] | None = None, length: int | None = None
    ) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        told = {"Content-Type": "application/json", "Connection": "close", **(headers or {})}
        if "Transfer-Encoding" not in told:
            told["Content-Length"] = str(len(data) if length is None else length)
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        self.raw(f"HTTP/1.1 {status} So\r\n{head}\r\n".encode() + data)

    def right(self, **changes: Any) -> None:
        self.reply(said(**changes))

    def reset(self) -> None:
        """Hang up so that the other side sees a broken connection, not an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


Behaviour = Callable[[Talk], None]


def said(content: object = SQL, finish: object = "stop", **changes: Any) -> Json:
    """A good answer, but for the changes; those of ``message`` go there."""
    message = {"role": "assistant", "content": content, **changes.pop("message", {})}
    choice = {"index": 0, "message": message, "finish_reason": finish, **changes.pop("choice", {})}
    usage = {"prompt_tokens": 9, "completion_tokens": 3}
    return {"object": "chat.completion", "choices": [choice], "usage": usage, **changes}


def replies(body: object, status: int = 200, **headers: str) -> Behaviour:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda talk: talk.reply(body, status, named)


def refuses(status: int, message: str, **headers: str) -> Behaviour:
    return replies({"error": {"message": message, "type": "t"}}, status, **headers)


def says(*content: object, **changes: Any) -> Behaviour:
    return lambda talk: talk.right(**dict(zip(("content", "finish"), content, strict=False)), **changes)


def once(first: Behaviour) -> Behaviour:
    """Misbehave at the first call only."""
    return lambda talk: first(talk) if talk.calls == 1 else talk.right()


def later(then: Behaviour) -> Behaviour:
    """Behave at the first call only."""
    return lambda talk: talk.right() if talk.calls == 1 else then(talk)


def every_other(bad: Behaviour) -> Behaviour:
    return lambda talk: bad(talk) if talk.calls % 2 else talk.right()


def about(words: str, bad: Behaviour) -> Behaviour:
    """Misbehave where the question has these words."""
    return lambda talk: bad(talk) if words in json.dumps(talk.asked) else talk.right()


def refusing(word: str, message: str, status: int = 400) -> Behaviour:
    """Refuse requests whose text holds a word."""

    def behave(talk: Talk) -> None:
        body = {"error": {"message": message}}
        talk.reply(body, status) if word in json.dumps(talk.asked) else talk.right()

    return behave


def sends(*pieces: bytes, reset: bool = False) -> Behaviour:
    def behave(talk: Talk) -> None:
        for piece in pieces:
            talk.raw(piece)
        if reset:
            talk.reset()

    return behave


HEAD = b"HTTP/1.1 200 So\r\nContent-Type: application/json\r\n"


def trickles(talk: Talk, head: bytes, piece: bytes, pause_s: float = 0.02) -> None:
    talk.raw(head)
    while True:
        talk.raw(piece)
        time.sleep(pause_s)


def lengths(*told: bytes) -> Behaviour:
    """Say of what length a good answer is."""
    return sends(HEAD + b"".join(b"Content-Length: %b\r\n" % length for length in told) + b"\r\n" + GOOD)


def answers_emptily(talk: Talk) -> None:
    """Say nothing at first, and refuse to be shown that."""
    messages = talk.asked["messages"]
    if any(message["role"] == "assistant" and not message["content"] for message in messages):
        talk.reply({"error": {"message": "text content must be non-empty"}}, 400)
    else:
        talk.right(content=SQL if len(messages) > 2 else "")


def floods(talk: Talk) -> None:
    talk.raw(HEAD + b"\r\n")
    for _ in range(20_000):  # 2 GB, were anybody to read them
        talk.raw(b" " * 100_000)


def bombs(talk: Talk) -> None:
    """Send 2 GB that are packed into 2 MB."""
    packed = gzip.compress(b" " * 100_000_000)
    talk.reply(packed * 20, headers={"Content-Encoding": "gzip"})


def chunked(*chunks: bytes) -> Behaviour:
    return lambda talk: talk.reply(b"".join(chunks), headers={"Transfer-Encoding": "chunked"})


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


@dataclass(frozen=True)
class Case:
    """How a server behaves, and what of three questions is to come: the exit code, answers, rows kept, words said.

    ``rows`` are kept by the cache for each answer that was given; the server may be called ``most_calls`` times.
    """

    name: str
    behaves: Behaviour
    words: str = ""
    answers: int = 0
    args: tuple[str, ...] = ()
    code: int = 1
    run: Mapping[str, object] = field(default_factory=dict)
    summary: Mapping[str, object] = field(default_factory=dict)
    rows: int = 1
    most_calls: int = 30

    def __str__(self) -> str:
        return self.name.replace(" ", "_")


def fine(name: str, behaves: Behaviour, words: str = "", **more: Any) -> Case:
    return Case(name, behaves, words, answers=3, code=0, **more)


GOOD = json.dumps(said()).encode()
# Of the three questions that are asked.
FIRST, SECOND, THIRD = "How many exhibitions are on floor 1", "Count the exhibitions", "whose theme is photography"
THOUGHT = "I count. " * 30
FAST = ("--request-timeout", "0.4")
CASES = [
    # Broken connections, sizes and times.
    Case("reset at once", lambda talk: talk.reset(), r"The connection to \S+ broke"),
    Case("reset amid the head", sends(b"HTTP/1.1 200 So\r\nContent-", reset=True), "broke"),
    Case("reset amid the body", sends(HEAD + b"Content-Length: 900\r\n\r\n" + GOOD[:40], reset=True), "broke"),
    Case("a length that is too large", lambda talk: talk.reply(GOOD, length=len(GOOD) + 50), "broke"),
    Case("a length that is too small", lambda talk: talk.reply(GOOD, length=40), "something that is not JSON"),
    Case("silence", lambda talk: time.sleep(3), "gave no answer within 0.4 s", args=FAST),
    Case("a head that trickles", partial(trickles, head=HEAD, piece=b"X-A: b\r\n"), "no answer within 0.4 s", args=FAST),
    Case("a body that trickles", partial(trickles, head=HEAD + b"\r\n", piece=b" "), "no answer within", args=FAST),
    Case("interim heads for ever", partial(trickles, head=b"", piece=b"HTTP/1.1 103 Hm\r\n\r\n"), "within", args=FAST),
    Case("a flood", floods, "answered with more than 2 MB"),
    Case("a bomb", bombs, "answered with more than 2 MB"),
    Case("packed and cut", replies(gzip.compress(GOOD)[:-9], Content_Encoding="gzip"), "broke"),
    Case("packed wrongly", replies(GOOD, Content_Encoding="gzip"), "cannot be unpacked"),
    Case("packed otherwise", replies(GOOD, Content_Encoding="zstd"), "packed as 'zstd', which was not asked for"),
    Case("chunks of no size", chunked(b"zz\r\n", GOOD), "broke"),
    Case("chunks that end early", chunked(chunk(GOOD[:30])), "broke"),
    Case("a header of a megabyte", lambda talk: talk.reply(GOOD, headers={"X": "y" * 1_000_000}), "broke"),
    Case("another protocol", sends(b"SSH-2.0-OpenSSH_9.6\r\n"), "broke"),
    Case("a number for a status", sends(b"HTTP/1.1 99 Hm\r\n\r\n"), r"broke \(illegal status line: 'HTTP/1.1 99 Hm'\)"),
    Case("it hangs up", sends(), "broke"),
    Case("a length in words", lengths(b"many"), "broke"),
    Case("a length below nothing", lengths(b"-5"), "broke"),
    Case("a length of a terabyte", lengths(b"1000000000000"), "broke"),
    Case("two lengths", lengths(b"40", b"%d" % len(GOOD)), "broke"),
    Case("a chunk of a terabyte", chunked(b"ffffffffff\r\n", GOOD), "broke"),
    Case("packed twice", replies(gzip.compress(gzip.compress(GOOD)), Content_Encoding="gzip, gzip"), "packed as 'gzip, gzip'"),
    # Answers that are none.
    Case("no JSON", replies(b"{'choices': [}"), "not JSON: {'choices'"),
    Case("a page", replies(b"<html><title>Log in</title><body>Who are you?</body>"), "not JSON: Log in Who are you"),
    Case("nothing", replies(b""), "not JSON: nothing"),
    Case("no content", replies(b"", 204), "not JSON: nothing"),
    Case("a number of many digits", replies(b'{"choices": [{"index": ' + b"9" * 6000 + b"}]}"), "not JSON"),
    Case("choices by name", replies({"choices": {"0": {"message": {"content": SQL}}}}), "without any choices"),
    Case("a choice that is none", replies({"choices": [None]}), "something that is not text"),
    Case("no message", replies({"choices": [{"index": 0}]}), "something that is not text"),
    Case("a part of a stream", replies({"choices": [{"delta": {"content": SQL}}]}), "something that is not text"),
    Case("events", replies(b'data: {"choices": [{"delta": {"content": "SELECT"}}]}\n\n'), "not JSON: data:"),
    Case("a list", replies([1, 2]), "without any choices"),
    Case("null", replies(None), "without any choices"),
    Case("no choices", replies({"choices": []}), "without any choices"),
    Case("deep", replies(b"[" * 500_000), "not JSON"),
    Case("a number for a text", says(7), "something that is not text"),
    Case("an error inside", replies({"error": {"message": "no\nroom"}}), "without any choices: no room"),
    Case("a status inside", replies({"error": {"code": 502, "message": "gone"}}), "answered 502: gone"),
    Case("failed amid", says("SELECT", "error", choice={"error": {"message": "tpu lost"}}), "amid its answer: tpu lost"),
    Case("aborted", says("", "abort"), "failed amid its answer"),
    # Refusals.
    Case("kept back", says(None, "content_filter"), "filter of m at .* keeps back.*--give-up 3"),
    Case("filtered", refuses(400, "Blocked by our content management policy."), "refuses this question.*--give-up 3"),
    Case("a thought alone", says(None, "length", message={"reasoning_content": THOUGHT}), "all of its 300 tokens.*--max-to"),
    Case("a thought beside", says("", message={"reasoning": THOUGHT}), "only thought.*--max-tokens N"),
    Case("a thought in parts", says([{"type": "thinking", "thinking": THOUGHT}]), "only thought, and answered nothing"),
    Case("too long", refuses(400, "maximum context length is 64 tokens"), "does not fit.*schema:tables=8"),
    Case("too large", replies(b"<h1>413 Request Entity Too Large</h1>", 413), "does not fit into the context of m: 413"),
    Case("streams only", refuses(400, "This model only supports streaming."), "answered 400: This model only supp"),
    Case("streams only, of many", refuses(400, "This model only supports streaming."), "10 questions in a row.*stops here.*This model only",
         args=("--limit", "100"), most_calls=20),
    Case("one question filtered", about(SECOND, refuses(400, "The prompt was filtered.")), "1 question has no.*1 filtered.*--give-up 1", answers=2),
    Case("the first is kept back", about(FIRST, says(None, "content_filter")), "1 filtered.*--give-up 1", answers=2),
    Case("one is too long", about(THIRD, refuses(400, "maximum context length is 64 tokens")), "1 prompt_too_long.*does not fit", answers=2),
    Case("more than may be given up", refuses(400, "The prompt was filtered."), "3 questions are refused for good, more than the 2 that.*was filtered", args=("--give-up", "2")),
    Case("the key is revoked amid", later(refuses(401, "key revoked")), "refuses the key in OPENAI_API_KEY: key revoked", answers=1),
    Case("the model is gone amid", later(refuses(404, "model unloaded")), "knows no model 'm'.*model unloaded", answers=1),
    Case("the server fails amid", later(refuses(500, "oops")), "2 questions have no answer.*500: oops", answers=1),
    Case("a teapot", refuses(418, "I am a teapot"), "answered 418: I am a teapot"),
    Case("it does not say why", replies(b"", 400), "answered 400: it does not say why"),
    Case("a page of a proxy that refuses", replies(b"<html><title>400 Bad Request</title><body>nginx</body>", 400), "400: 400 Bad Request nginx"),
    Case("an error within an error", refuses(400, '{"error": {"message": "inner words"}}'), "answered 400: inner words"),
    Case("the key said back", refuses(400, f"Authorization: Bearer {KEY} will not do"), "Bearer … will not do"),
    Case("no credits", refuses(402, "Insufficient credits"), "quota.*is used up: Insufficient credits"),
    Case("a text for an error", replies({"error": "`top_k` must be set"}, 422), "answered 422: `top_k` must be set"),
    Case("a list of errors", replies([{"error": {"message": "Bad thing"}}], 400), "answered 400: Bad thing"),
    Case("fields", replies({"detail": [{"loc": ["body", "x"], "msg": "Field required"}]}, 422), "body.x: Field required"),
    Case("no key", replies({"message": f"Wrong key {KEY} given"}, 401), "refuses the key in OPENAI_API_KEY: Wrong key … g"),
    Case("forbidden", refuses(403, "Not your region"), "refuses the key.*Not your region"),
    Case("no such model", refuses(404, "model not found"), "knows no model 'm'"),
    Case("elsewhere", replies(b"", 302, Location="http://127.0.0.1:1/"), "sends elsewhere"),
    Case("no money", replies({"error": {"message": "pay", "code": "insufficient_quota"}}, 429), "quota.*is used up: pay"),
    Case("busy", refuses(429, "slow down", Retry_After_Ms="5"), "answered 429: slow down"),
    Case("busy for a day", refuses(429, "daily limit", Retry_After="86400"), r"for 24 hours, until \d{4}-\d\d-\d\d \d\d:"),
    Case("failing", refuses(500, "oops"), "answered 500: oops"),
    Case("a page of a proxy", replies(b"<html><body>Bad gateway<script>x()</script></body></html>", 502), "502: Bad gateway"),
    # What can be lived with.
    fine("busy at first", once(refuses(429, "slow down", Retry_After="1")), "slow down; asked again in 1 s"),
    fine("failing at first", once(refuses(503, "starting")), r"503: starting; asked again in 0\.\d+ s \(1 of 5\)"),
    fine("reset at first", once(lambda talk: talk.reset()), "broke .*asked again"),
    fine("an error inside at first", once(says("", "error")), "failed amid its answer.*asked again"),
    fine("failing every other time", every_other(refuses(529, "overloaded")), "529: overloaded; asked again"),
    fine("busy until a day long ago", once(refuses(429, "slow", Retry_After="Sun, 06 Nov 1994 08:49:37 GMT")), "asked again"),
    fine("busy for words", once(refuses(429, "slow", Retry_After="soon")), "asked again"),
    fine("busy for less than nothing", once(refuses(429, "slow", Retry_After="-3")), "asked again"),
    fine("a chunk beside a length", lambda talk: talk.reply(chunk(GOOD) + b"0\r\n\r\n", headers={"Transfer-Encoding": "chunked", "Content-Length": "12"})),
    fine("deflated", replies(zlib.compress(GOOD), Content_Encoding="deflate")),
    fine("in UTF-16", replies(GOOD.decode().encode("utf-16"))),
    fine("in Latin", replies('{"choices": [{"message": {"content": "SELECT \'é\'"}}]}'.encode("latin-1"))),
    fine("a thought in the answer alone", says("<think>hm</think>"), summary={"outcomes": {"no_sql": 3}}),
    fine("a thought that is cut", says("<think>hm hm", "length"), summary={"cut": 3, "outcomes": {"no_sql": 3}}),
    fine("silence for an answer", says(""), summary={"outcomes": {"no_sql": 3}}),
    fine("silence that must not be shown", answers_emptily, args=("--method", "retry:k=2+zero-shot"), rows=2),
    fine("words of refusal", says(None, message={"refusal": "I cannot."}), summary={"outcomes": {"no_sql": 3}}),
    fine("a tool called", says(None, "tool_calls", message={"tool_calls": [{"function": {"name": "f"}}]}), summary={"outcomes": {"no_sql": 3}}),
    fine("a text for a message", replies({"choices": [{"message": SQL}]})),
    fine("one part", says({"type": "text", "text": SQL})),
    fine("ten for one", replies({"choices": said()["choices"] * 10})),
    fine("an end of no known name", says(SQL, ["eos"])),
    fine("an answer of 1.9 MB", says(f"{SQL} /* {'x' * 1_900_000} */")),
    fine("a character of no width", says("SELECT\x001")),
    fine("a key twice", replies(b'{"choices": [], ' + GOOD[1:])),
    fine("usage that is no number", replies(json.dumps(said(usage={"prompt_tokens": float("nan"), "completion_tokens": 10**400})).encode())),
    fine("packed", replies(gzip.compress(GOOD), Content_Encoding="gzip")),
    fine("chunks", chunked(chunk(GOOD[:30]), chunk(GOOD[30:]), b"0\r\n\r\n")),
    fine("a mark before", replies(b"\xef\xbb\xbf" + GOOD)),
    fine("an interim head", sends(b"HTTP/1.1 100 Go\r\n\r\n" + HEAD + b"Connection: close\r\n\r\n" + GOOD)),
    fine("parts", says([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": SQL}])),
    fine("cut", says("SELECT 1 FROM", "length"), summary={"cut": 3}),
    fine("cut, in other words", says("SELECT 1 FROM", "MAX_TOKENS"), summary={"cut": 3}),
    fine("half a character", says("SELECT '\ud83d'")),
    fine("usage in words", says(usage={"prompt_tokens": "ten", "completion_tokens": "few", "total_tokens": None})),
    fine("no usage", says(usage=None)),
    fine("usage is a text", says(usage="15 tokens")),
    fine("no log probability", says(choice={"logprobs": {"content": [{"token": "a", "logprob": None}]}})),
    fine("bare choices", replies({"choices": [{"message": {"content": SQL}}]})),
    fine("another model", says(model="gull-7b"), "'gull-7b' answers there", run={"served": ["gull-7b"]}),
    fine("a version", says(system_fingerprint="fp_7"), run={"served": ["m fp_7"]}),
    fine("no system role", refusing('"system"', "System role not supported"), "refuses a system", run={"manner": "without system"}),
    fine("no seed", refusing('"seed"', 'Unknown name "seed": Cannot find field.'), "refuses seed", run={"manner": "without seed"}),
    fine("no stop", refusing('"stop"', "Unsupported parameter: 'stop'"), args=("--method", "zero-shot:form=prefill")),
    fine("no n", refusing('"n"', "n must be 1"), args=("--method", "vote:n=3+zero-shot"), rows=2),
    fine("warm only", refusing('"temperature": 0.0,', "`temperature` must be strictly positive", 422), "refuses temperature 0"),
    fine("a newer name", refusing('"max_tokens"', "Use 'max_completion_tokens' instead of 'max_tokens'.")),
    fine("warm only, in other words", about('"temperature": 0.0,', replies({"error": "`temperature` must be strictly positive"}, 422)), "refuses temperature 0"),
    fine("no seed, in a list", about('"seed"', replies([{"error": {"message": 'Unknown name "seed": Cannot find field.'}}], 400)), "refuses seed"),
    fine("given up", refuses(400, "flagged", X="y"), args=("--give-up", "3"), summary={"outcomes": {"refused": 3}, "refused": {"filtered": 3}}),
    fine("one given up", about(SECOND, refuses(400, "The prompt was filtered.")), args=("--give-up", "1"), summary={"outcomes": {"refused": 1}}),
]  # fmt: skip


class Url(str):
    """A server's base URL, with how often it was called."""

    calls = 0


@contextmanager
def serving(behaves: Behaviour) -> Iterator[Url]:
    """Serve on loopback; give the base URL."""
    listening = socket.create_server(("127.0.0.1", 0))
    url = Url(f"http://127.0.0.1:{listening.getsockname()[1]}/v1")
    open_now: list[socket.socket] = []

    def talk(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(65536) or _gone()
            head, _, body = data.partition(b"\r\n\r\n")
            pairs = (line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:])
            headers = {name.lower(): value for name, value in pairs}
            while len(body) < int(headers.get("content-length", "0")):
                body += connection.recv(65536) or _gone()
            url.calls += 1
            behaves(Talk(connection, json.loads(body or b"{}"), url.calls, headers))

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                open_now.append(connection)
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield url
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for connection in open_now:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        thread.join()


def _gone() -> bytes:
    raise ConnectionResetError("the client hung up")
