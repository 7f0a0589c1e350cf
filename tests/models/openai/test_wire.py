"""Connections that are closed while something is asked over them."""

from __future__ import annotations

import gc
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from spider_opt.models.openai.wire import Broken, Wire


def test_closing_amid_requests_loses_nothing_that_was_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of requests that never came to run would be told of as never awaited."""
    lost: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda said: lost.append(said.exc_value))
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(3) as threads:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        for i in range(30):
            wire = Wire({}, local=True, timeout_s=0.2)
            asked = [threads.submit(wire.post, url, {}) for _ in range(3)]
            time.sleep((i % 5) / 1000)
            wire.close()
            for one in asked:
                with pytest.raises(Broken):
                    one.result(timeout=5)
            wire.close()
        gc.collect()
    assert lost == []
