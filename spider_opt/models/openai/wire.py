"""Sends a request and reads the whole answer, within a time and a size, whatever the server does.

A server may trickle a byte a second, send more than there is memory, pack that small, hang up in the middle, or send
elsewhere. The client works in a loop of its own thread, because only what can be cancelled at any point, also amid a
header, keeps to a time. Exceptions of ``httpx`` end here, for they hold the key.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
import weakref
import zlib
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from spider_opt import __version__

if TYPE_CHECKING:
    import httpx

CONNECT_TIMEOUT_S = 10.0
MAX_BYTES = 2_000_000
"""Of an answer; one with many samples and log probabilities has some hundred thousand."""
NOTICE_S = 30.0
"""After so long without an answer that is said, then after twice as long, and so on."""
PATIENCE_S = 5.0
"""For a connection to close."""
UNUSED_FOR_S = 2.0
"""Longer a connection is not kept for another request: many servers hang up after five seconds, just as one comes."""
T = TypeVar("T")
_QUOTED_BYTES = re.compile(r"(?:bytearray\()?b(['\"].*?['\"])\)?")
_WBITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_ELSEWHERE = ("ConnectError", "ConnectTimeout", "ProxyError", "UnsupportedProtocol", "InvalidURL")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of any status; names of headers are in small letters. ``seconds`` is how long it took."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


class Broken(Exception):
    """There is no whole answer: it took too long, nothing is there, it broke off, or it is more than is read."""

    def __init__(
        self, kind: Literal["time", "nothing there", "broke", "too large", "closed"], detail: str = ""
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


class Wire:
    """Connections to one server; may be used from several threads. ``headers`` go with each request.

    A ``local`` server is asked past all proxies, for none reaches this machine.
    """

    def __init__(
        self, headers: Mapping[str, str], *, local: bool, timeout_s: float, max_bytes: int = MAX_BYTES
    ) -> None:
        self._headers = {"User-Agent": f"spider-opt/{__version__}", "Accept-Encoding": "identity", **headers}
        self._local = local
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._shut: weakref.finalize[Any, Any] | None = None
        self._client: httpx.AsyncClient | None = None

    def post(self, url: str, body: Mapping[str, Any], on_wait: Callable[[float], None] = lambda seconds: None) -> Reply:
        """Send JSON; ``on_wait`` is called with the seconds now and then while there is no answer.

        Raises:
            Broken: no whole answer came.
        """
        content = json.dumps(dict(body), allow_nan=False).encode()
        return self._run(lambda client: self._ask(client, "POST", url, content, self._timeout_s), on_wait)

    def get(self, url: str, timeout_s: float) -> Reply:
        """Ask for what stands at a URL.

        Raises:
            Broken: no whole answer came.
        """
        return self._run(lambda client: self._ask(client, "GET", url, None, timeout_s), lambda seconds: None)

    def close(self) -> None:
        """Close the connections; who waits for an answer is told so, and the next request opens new ones."""
        with self._starting:
            shut, self._shut = self._shut, None
            self._loop = self._client = None
        if shut is not None:
            shut()

    def _run(self, ask: Callable[[httpx.AsyncClient], Coroutine[Any, Any, T]], on_wait: Callable[[float], None]) -> T:
        with self._starting:  # who closes the wire now ends this with the rest
            client, loop = self._started()
            future = asyncio.run_coroutine_threadsafe(ask(client), loop)
        waited, notice = 0.0, NOTICE_S
        began = time.monotonic()
        try:
            while True:
                try:
                    return future.result(timeout=notice - waited)
                except TimeoutError:
                    waited = time.monotonic() - began
                    if waited >= notice:
                        notice *= 2
                        on_wait(waited)
                except CancelledError:
                    break
        except BaseException:
            future.cancel()
            raise
        raise Broken("closed")

    def _started(self) -> tuple[httpx.AsyncClient, asyncio.AbstractEventLoop]:
        if self._loop is None or self._client is None:
            import httpx

            self._client = httpx.AsyncClient(
                headers=self._headers,
                timeout=httpx.Timeout(None, connect=min(CONNECT_TIMEOUT_S, self._timeout_s)),
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=UNUSED_FOR_S),
                trust_env=not self._local,
            )
            self._loop = asyncio.new_event_loop()
            thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="spider-opt endpoint")
            thread.start()
            self._shut = weakref.finalize(self, _shut, self._loop, thread, self._client)
        return self._client, self._loop

    async def _ask(
        self, client: httpx.AsyncClient, method: str, url: str, content: bytes | None, timeout_s: float
    ) -> Reply:
        import httpx

        headers = {"Content-Type": "application/json"} if content is not None else {}
        began = time.perf_counter()
        broken: Broken
        try:
            async with (
                asyncio.timeout(timeout_s),
                client.stream(method, url, content=content, headers=headers) as response,
            ):
                body = await self._read(response)
                told = {name.lower(): value for name, value in response.headers.items()}
                return Reply(response.status_code, told, body, time.perf_counter() - began)
        except TimeoutError:
            broken = Broken("time")
        except Broken as error:
            broken = error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            kind = type(error).__name__
            certificate = "certificate" in str(error).lower()
            detail = " ".join(str(error).split()) if certificate or kind not in _ELSEWHERE else ""
            detail = _QUOTED_BYTES.sub(r"\1", detail)
            broken = Broken("nothing there" if kind in _ELSEWHERE else "broke", detail or kind)
        raise Broken(broken.kind, broken.detail)  # outside, so that nothing that holds the key hangs on it

    async def _read(self, response: httpx.Response) -> bytes:
        coding = response.headers.get("content-encoding", "").strip().lower()
        unpack = None
        if coding not in ("", "identity"):
            if coding not in _WBITS:
                raise Broken("broke", f"packed as {coding[:30]!r}, which was not asked for")
            unpack = zlib.decompressobj(_WBITS[coding])
        body = bytearray()
        async for data in response.aiter_raw():
            try:
                body += data if unpack is None else unpack.decompress(data, self._max_bytes + 1 - len(body))
            except zlib.error as error:
                raise Broken("broke", f"cannot be unpacked: {error}") from None
            if len(body) > self._max_bytes:
                raise Broken("too large", f"{self._max_bytes / 1e6:g} MB")
        if unpack is not None and not unpack.eof and body:
            raise Broken("broke", "the packed answer ends too early")
        return bytes(body)


def _shut(loop: asyncio.AbstractEventLoop, thread: threading.Thread, client: httpx.AsyncClient) -> None:
    """End a loop's thread with what it does; also where nobody did before a wire went, or the program ends."""
    over = asyncio.run_coroutine_threadsafe(_over(client), loop)
    if threading.current_thread() is thread:  # the collector of garbage runs anywhere
        over.add_done_callback(lambda _: loop.stop())
        return
    with suppress(TimeoutError):
        over.result(timeout=PATIENCE_S)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(timeout=PATIENCE_S)
    if not thread.is_alive():
        loop.close()


async def _over(client: httpx.AsyncClient) -> None:
    asked = [task for task in asyncio.all_tasks() if _is_of(task, Wire._ask)]
    for task in asked:  # what they have begun, they cancel themselves: a part that has not come to run would be lost
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    await client.aclose()
    for _ in range(3):  # a transport that is closed lets go of its socket a turn later
        await asyncio.sleep(0)


def _is_of(task: asyncio.Task[Any], function: Callable[..., Coroutine[Any, Any, Any]]) -> bool:
    return getattr(task.get_coro(), "cr_code", None) is function.__code__
