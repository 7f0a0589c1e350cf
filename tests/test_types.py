"""What the nouns can say of themselves."""

from __future__ import annotations

from spider_opt.benchmarks import load
from spider_opt.errors import ModelError, ModelUnavailable, NoAnswer
from spider_opt.types import Benchmark, Prediction, Request, Usage


def test_a_benchmark_is_shown_in_a_line() -> None:
    bench = load("spider-mini")
    n, m = len(bench.examples), len(bench.paths)
    assert repr(bench) == f"<Benchmark spider-mini test: {n} questions on {m} databases, 0 left out>"
    lacking = Benchmark("spider", "dev", bench.examples[:2], {}, {"wta_1": 62, "a": 1}, 65, "0")
    assert repr(lacking) == "<Benchmark spider dev: 2 questions on 0 databases, 63 left out>"


def test_a_request_with_lists_among_its_parameters_can_be_a_key() -> None:
    assert hash(Request("Hi", extra={"ids": [1]})) == hash(Request("Hi", extra={"ids": [1]}))


def test_usages_add_up_and_say_untold_calls_only_where_there_are_some() -> None:
    told = {
        "calls": 3,
        "prompt_tokens": 7,
        "cached_tokens": 0,
        "completion_tokens": 0,
        "seconds": 0.5,
        "dollars": 0.0,
    }
    both = Usage(calls=1, seconds=0.5) + Usage(calls=2, prompt_tokens=7)
    assert both.to_json() == told
    assert (both + Usage(untold=1)).to_json() == told | {"untold": 1}


def test_an_answer_is_cut_where_a_step_says_so() -> None:
    assert Prediction("", trace=({"step": "zero-shot", "finish": "length"}, {"step": "repair"})).cut
    assert not Prediction("", trace=({"step": "zero-shot", "finish": "stop"}, {"step": "repair"})).cut


def test_what_a_server_does_wrong_is_never_for_good() -> None:
    assert ModelError("gone").why is ModelUnavailable("gone").why is NoAnswer.FAULT
    assert [why for why in NoAnswer if not why.for_good] == [NoAnswer.FAULT, NoAnswer.TIMEOUT]
