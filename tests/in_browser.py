"""A real browser for tests of the page: Debian's Chromium, driven by Playwright; nothing is fetched."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


def executable() -> str:
    """Return where the browser is; without one a test is skipped, and fails where ``CI`` is set."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        said = "no Chromium here: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    return found


@contextmanager
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    path = executable()
    with sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=path, args=["--disable-gpu"])
        yield chromium
        chromium.close()


class Opened:
    """A page from disk, and what went wrong with it: messages on the console, errors, requests for what is no file."""

    def __init__(self, chromium: Any, index: Path, state: str = "", **options: Any) -> None:
        self.context = chromium.new_context(**{"viewport": {"width": 1400, "height": 900}, **options})
        self.page = self.context.new_page()
        self.page.set_default_timeout(30_000)
        self.index = index
        self.trouble: list[str] = []
        self.page.on("console", lambda said: self.trouble.append(f"{said.type}: {said.text}"))
        self.page.on("pageerror", lambda error: self.trouble.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: (self.trouble.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        self.page.on("request", self._requested)
        self.go(state)

    def _requested(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:")):
            self.trouble.append(f"request: {request.url}")

    def go(self, state: str = "") -> Any:
        """Show a state, as its address has it, and return the page."""
        self.page.goto(f"file://{self.index}#{state}")
        self.until("document.body.dataset.ready")
        return self.page

    def until(self, expression: str, seconds: float = 30) -> None:
        """Wait until an expression is true; Playwright's own way evaluates text in the page, which may not."""
        last = time.monotonic() + seconds
        while not self.page.evaluate(expression):
            assert time.monotonic() < last, expression
            self.page.wait_for_timeout(20)

    def close(self) -> None:
        self.context.close()
        assert self.trouble == [], self.trouble
