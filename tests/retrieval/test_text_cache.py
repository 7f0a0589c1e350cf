from __future__ import annotations

import logging
import multiprocessing
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from spider_opt.retrieval import text_cache as module
from spider_opt.retrieval.text_cache import TextCache


class Upper:
    """Makes capitals, and knows of what."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> Iterable[bytes]:
        self.asked.extend(texts)
        return [text.upper().encode("utf-8", "surrogatepass") for text in texts]


def test_each_text_is_made_once_for_each_kind(tmp_path: Path) -> None:
    make = Upper()
    with closing(TextCache(tmp_path / "new" / "texts.sqlite")) as cache:
        assert cache.made("a", ["x", "y", "x"], make, "") == {"x": b"X", "y": b"Y"}
        assert cache.made("a", ["y", "z"], make, "") == {"y": b"Y", "z": b"Z"}
        assert cache.made("b", ["x"], make, "") == {"x": b"X"}
        assert cache.made("a", [], make, "") == {}
    assert make.asked == ["x", "y", "z", "x"]
    with closing(TextCache(tmp_path / "new" / "texts.sqlite")) as again:
        assert again.made("a", ["z", "x"], make, "") == {"z": b"Z", "x": b"X"}
    assert len(make.asked) == 4


@pytest.mark.parametrize("text", ["", "\0", "a\0b", "\ud83d", "\U0001f600", "x" * 100_000])
def test_any_text(tmp_path: Path, text: str) -> None:
    make = Upper()
    with closing(TextCache(tmp_path / "texts.sqlite")) as cache:
        assert cache.made("a", [text], make, "") == cache.made("a", [text], make, "")
    assert make.asked == [text]


def test_kind_and_text_are_not_run_together(tmp_path: Path) -> None:
    with closing(TextCache(tmp_path / "texts.sqlite")) as cache:
        cache.made("a", ["bc"], lambda texts: [b"1"], "")
        assert cache.made("ab", ["c"], lambda texts: [b"2"], "") == {"c": b"2"}


def test_many_in_portions_with_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 100)
    seen: list[object] = []

    @contextmanager
    def progress(label: str, total: int) -> Iterator[Callable[[], None]]:
        seen.append((label, total))
        yield lambda: seen.append(1)

    texts = [str(i) for i in range(1050)]
    with closing(TextCache(tmp_path / "texts.sqlite", progress)) as cache:
        made = cache.made("a", texts, Upper(), "shouting")
        assert list(made) == texts
        assert seen == [("shouting, 100 at a time", 11), *[1] * 11]
        cache.made("a", texts, Upper(), "shouting")
        assert seen[-1] == ("shouting, 100 at a time", 0)


def test_what_was_made_before_an_interrupt_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 2)

    def until_third(texts: Sequence[str]) -> Iterable[bytes]:
        if "e" in texts:
            raise KeyboardInterrupt
        return make(texts)

    make = Upper()
    with closing(TextCache(tmp_path / "texts.sqlite")) as cache:
        with pytest.raises(KeyboardInterrupt):
            cache.made("a", "abcdef", until_third, "")
        cache.made("a", "abcdef", make, "")
    assert make.asked == list("abcdef")


def test_a_wrong_number_is_no_answer(tmp_path: Path) -> None:
    with closing(TextCache(tmp_path / "texts.sqlite")) as cache:
        with pytest.raises(ValueError, match="zip"):
            cache.made("a", ["x", "y"], lambda texts: [b"1"], "")
        assert cache.made("a", ["x"], lambda texts: [b"2"], "") == {"x": b"2"}


@pytest.mark.parametrize("broken", [b"nonsense" * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_broken_file_is_begun_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: bytes) -> None:
    path = tmp_path / "texts.sqlite"
    path.write_bytes(broken)
    make = Upper()
    with caplog.at_level(logging.WARNING), closing(TextCache(path)) as cache:
        assert cache.made("a", ["x"], make, "") == {"x": b"X"}
        assert cache.made("a", ["x"], make, "") == {"x": b"X"}
    assert make.asked == ["x"]
    assert ["is broken" in record.message for record in caplog.records] == [True]


def test_a_place_that_cannot_be_written_costs_no_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    make = Upper()
    with caplog.at_level(logging.WARNING), closing(TextCache(tmp_path / "file" / "texts.sqlite")) as cache:
        for _ in range(2):
            assert cache.made("a", ["x", "y"], make, "") == {"x": b"X", "y": b"Y"}
    assert make.asked == ["x", "y"] * 2
    assert ["cannot be used" in record.message for record in caplog.records] == [True]


def test_a_table_of_another_shape_costs_no_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(sqlite3.connect(tmp_path / "texts.sqlite")) as connection:
        connection.execute("CREATE TABLE kept (other TEXT)")
    with caplog.at_level(logging.WARNING), closing(TextCache(tmp_path / "texts.sqlite")) as cache:
        assert cache.made("a", ["x"], Upper(), "") == {"x": b"X"}


def test_of_two_who_make_at_once_the_first_counts(tmp_path: Path) -> None:
    path = tmp_path / "texts.sqlite"
    with closing(TextCache(path)) as one, closing(TextCache(path)) as other:

        def slow(texts: Sequence[str]) -> Iterable[bytes]:
            other.made("a", texts, lambda some: [b"first"], "")
            return [b"second"]

        assert one.made("a", ["x"], slow, "") == {"x": b"first"}


def test_threads_share_one(tmp_path: Path) -> None:
    found: list[dict[str, bytes]] = []
    with closing(TextCache(tmp_path / "texts.sqlite")) as cache:
        texts = [str(i) for i in range(300)]
        threads = [threading.Thread(target=lambda: found.append(cache.made("a", texts, Upper(), ""))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [{text: text.encode() for text in texts}] * 8


def _fill(path: Path, start: int) -> None:
    with closing(TextCache(path)) as cache:
        cache.made("a", [str(i) for i in range(start, start + 600)], Upper(), "")


def test_processes_share_one(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    path = tmp_path / "texts.sqlite"
    processes = [context.Process(target=_fill, args=(path, start)) for start in (0, 300)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    make = Upper()
    with closing(TextCache(path)) as cache:
        assert len(cache.made("a", [str(i) for i in range(900)], make, "")) == 900
    assert make.asked == []


def test_silent() -> None:
    shown: AbstractContextManager[Callable[[], None]] = module.silent("x", 3)
    with shown as advance:
        advance()
