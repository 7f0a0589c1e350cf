from __future__ import annotations

import io
import re
import sys

import pytest

from spider_opt import progress as module
from spider_opt.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_in_a_log_it_is_a_line_now_and_then(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with progress("answering", 100) as advance:
        for _ in range(10):
            clock[0] += 12
            advance()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "answering: 3/100, about 19 min left",
        "answering: 6/100, about 19 min left",
        "answering: 9/100, about 18 min left",
    ]


def test_what_comes_in_bursts(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with progress("answering", 320) as advance:
        for _ in range(5):
            clock[0] += 60
            for _ in range(32):
                advance()
                clock[0] += 0.01
    assert capsys.readouterr().err.splitlines() == [
        "answering: 1/320",  # nothing is known yet
        "answering: 33/320, about 8 min left",
        "answering: 65/320, about 7 min left",
        "answering: 97/320, about 6 min left",
        "answering: 129/320, about 5 min left",
    ]


@pytest.mark.parametrize("per_second", [5, 50])
def test_what_comes_all_the_time(clock: list[float], capsys: pytest.CaptureFixture[str], per_second: int) -> None:
    total = 600 * per_second
    with progress("answering", total) as advance:
        for _ in range(total // 2):
            clock[0] += 1 / per_second
            advance()
    told = capsys.readouterr().err.splitlines()
    left = [int(line.split("about ")[1].split()[0]) for line in told]
    assert left == sorted(left, reverse=True)
    assert left[0] in (9, 10)
    assert left[-1] in (5, 6)
    assert len(left) >= 9


def test_what_is_done_at_once_says_nothing(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with progress("answering", 3) as advance:
        for _ in range(3):
            advance()
    with progress("answering", 0):
        pass
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_it_is_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with progress("answering", 4) as advance:
        advance()
        advance()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert "answering" in shown
    assert "2/4" in shown
    assert capsys.readouterr().out == ""


def test_an_error_inside_goes_through(clock: list[float]) -> None:
    with pytest.raises(KeyError), progress("answering", 3):
        raise KeyError


def test_the_last_minute_is_not_called_none(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with progress("answering", 8) as advance:
        for _ in range(7):
            clock[0] += 31
            advance()
    told = capsys.readouterr().err
    assert "answering: 7/8, less than a minute left" in told
    assert " 0 min" not in told
