"""Runs cells in a kernel of Jupyter's, with its threads, its event loop and its own __main__."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

DRIVER = """
import os
from jupyter_client.manager import KernelManager
manager = KernelManager(kernel_name="python3", transport="ipc", ip={where!r})
manager.start_kernel()
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=60)
def show(message):
    if message["msg_type"] == "stream" and message["content"]["name"] == "stdout":
        print(message["content"]["text"], end="")
    elif message["msg_type"] == "error":
        print(message["content"]["evalue"])
for cell in {cells!r}:
    client.execute_interactive(cell, output_hook=show, timeout=500)
client.stop_channels()
manager.shutdown_kernel()
"""


def notebook(cells: Sequence[str], folder: Path) -> list[str]:
    """Return the arguments with which Python runs cells as a notebook does, and prints what they print."""
    if not os.environ.get("SPIDER_OPT_ALL_TESTS"):
        pytest.importorskip("ipykernel")
    return ["-W", "ignore", "-c", DRIVER.format(where=str(folder / "kernel"), cells=list(cells))]
