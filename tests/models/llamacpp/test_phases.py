"""Whose turn it is: prompts one at a time, answers side by side, never both."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from spider_opt.errors import ModelError
from spider_opt.models.llamacpp.phases import Phases


def lowest(free: frozenset[int]) -> int:
    return min(free)


def test_prompts_take_turns_and_answers_are_side_by_side() -> None:
    phases = Phases(4)
    now: Counter[str] = Counter()
    seen: list[Counter[str]] = []
    held: set[int] = set()
    lock = threading.Lock()

    def at(what: str) -> None:
        with lock:
            now[what] += 1
            seen.append(now.copy())
        time.sleep(rng.random() / 500)
        with lock:
            now[what] -= 1

    def answer(i: int) -> None:
        if i % 7 == 0:
            with phases.all_slots():
                at("all")
            return
        with phases.slot(lowest) as slot:
            with lock:
                assert slot not in held
                held.add(slot)
            with phases.alone():
                at("prompt")
            with phases.beside():
                at("answer")
            with lock:
                held.remove(slot)

    rng = random.Random(0)
    with ThreadPoolExecutor(12) as threads:
        list(threads.map(answer, range(60)))
    for each in seen:
        assert each["all"] + each["prompt"] <= 1
        assert not (each["answer"] and each["all"] + each["prompt"])
    assert 2 <= max(each["answer"] for each in seen) <= 4


def test_the_shares_of_those_beside_make_up_the_time() -> None:
    phases = Phases(3)
    together = threading.Barrier(3)

    def answer(seconds: float) -> float:
        with phases.slot(lowest), phases.beside() as share_s:
            together.wait()
            time.sleep(seconds)
        return share_s()

    began = time.perf_counter()
    with ThreadPoolExecutor(3) as threads:
        short, longer, longest = threads.map(answer, [0.05, 0.1, 0.4])
    passed = time.perf_counter() - began
    assert short < longer < longest
    assert 0.4 <= short + longer + longest <= passed
    assert longest > passed / 2


def test_what_fails_gives_its_turn_back() -> None:
    phases = Phases(2)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError), phases.asking(), phases.slot(lowest), phases.alone():
            raise ZeroDivisionError
        with pytest.raises(ZeroDivisionError), phases.asking(), phases.slot(lowest), phases.beside():
            raise ZeroDivisionError
        with pytest.raises(ZeroDivisionError), phases.asking(), phases.all_slots():
            raise ZeroDivisionError
    with phases.all_slots():
        pass
    phases.close(5)


def test_after_it_was_closed_nobody_begins_and_nobody_waits() -> None:
    phases = Phases(1)
    waits: list[str] = []

    turns = {
        "slot": lambda: phases.slot(lowest),
        "all": phases.all_slots,
        "alone": phases.alone,
        "beside": phases.beside,
    }

    def wait(what: str) -> None:
        with pytest.raises(ModelError, match="the model was closed"), phases.asking(), turns[what]():
            pass
        waits.append(what)

    with phases.slot(lowest), phases.alone():
        threads = [threading.Thread(target=wait, args=[what]) for what in turns]
        for thread in threads:
            thread.start()
        time.sleep(0.05)
        assert waits == []
        phases.close(5)
        for thread in threads:
            thread.join(5)
    assert sorted(waits) == sorted(turns)
    with pytest.raises(ModelError, match="the model was closed"), phases.asking():
        pass
