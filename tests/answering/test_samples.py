from __future__ import annotations

from typing import Any

import pytest
from fake_model import FakeModel

from spider_opt.answering.samples import SharedSamples
from spider_opt.errors import ModelError
from spider_opt.models.cache import CachedModel
from spider_opt.types import ChatModel, Completion, Message, ModelInfo, Request, Usage


class Model(FakeModel):
    """Says what it was asked and with which seed; the i-th completion has seed + i."""

    def __init__(self, at_most: int = 99) -> None:
        super().__init__(self._say)
        self.at_most = at_most

    def _say(self, request: Request) -> list[Completion]:
        prompt = request.messages if isinstance(request.messages, str) else request.messages[-1].content
        given = min(request.n, self.at_most)
        usage = [Usage(1, 100, 50, 10 * given, 0.5), *[Usage()] * given]
        return [
            Completion(f"{prompt} {request.seed + i if request.temperature else 0}", usage[i]) for i in range(given)
        ]

    @property
    def asked(self) -> list[tuple[Any, int, float, int]]:
        return [(request.messages, request.n, request.temperature, request.seed) for request in self.requests]


def drawn(model: ChatModel, prompt: str = "p", seed: int = 7, temperature: float = 0.7, **more: Any) -> Completion:
    [completion] = model.complete(Request(prompt, seed=seed, temperature=temperature, **more))
    return completion


def test_samples_of_one_prompt_are_one_request() -> None:
    model = Model()
    shared = SharedSamples(model, range(4))
    said = [drawn(shared.model(i)) for i in range(4)]
    assert model.asked == [("p", 4, 0.7, 7)]
    assert [c.text for c in said] == ["p 7", "p 8", "p 9", "p 10"]
    assert [c.usage for c in said] == [Usage(1, 100, 50, 40, 0.5), Usage(), Usage(), Usage()]


def test_a_chat_is_handed_on_as_it_is() -> None:
    model = Model()
    chat = (Message("system", "s"), Message("user", "u"))
    shared = SharedSamples(model, range(2))
    assert [shared.model(i).complete(Request(chat, temperature=1.0))[0].text for i in range(2)] == ["u 0", "u 1"]
    assert [request.messages for request in model.requests] == [chat]
    assert shared.model(0).info == ModelInfo("fake")


def test_all_that_shapes_an_answer_reaches_the_model() -> None:
    model = FakeModel("")
    more: dict[str, Any] = {"stop": (";",), "grammar": "root ::= x", "max_tokens": 9, "extra": {"top_p": [0.5]}}
    drawn(SharedSamples(model, range(3)).model(0), **more)
    assert model.requests == [Request("p", n=3, temperature=0.7, seed=7, **more)]


@pytest.mark.parametrize(
    ("chunk", "requests"),
    [
        (None, [(7, 8)]),
        (7, [(7, 8)]),
        (9, [(7, 8)]),
        (3, [(3, 8), (3, 11), (1, 14)]),
        (1, [(1, 8 + i) for i in range(7)]),
    ],
)
def test_chunks(chunk: int | None, requests: list[tuple[int, int]]) -> None:
    """However many are asked for at a time, sample i has seed + i."""
    model = Model()
    shared = SharedSamples(model, range(1, 8), chunk)
    said = [drawn(shared.model(i)) for i in range(1, 8)]
    assert [(n, seed) for _, n, _, seed in model.asked] == requests
    assert [c.text for c in said] == [f"p {7 + i}" for i in range(1, 8)]
    assert sum((c.usage for c in said), Usage()) == model.spent


def test_who_asks_first_pays_whoever_it_is() -> None:
    model = Model()
    shared = SharedSamples(model, range(4))
    assert drawn(shared.model(2)).usage == Usage(1, 100, 50, 40, 0.5)
    assert drawn(shared.model(0)).usage == Usage()
    assert len(model.asked) == 1


def test_a_sample_outside_is_asked_alone_and_starts_no_batch() -> None:
    model = Model()
    shared = SharedSamples(model, range(1, 4))
    alone = drawn(shared.model(0), "its own retry")
    drawn(shared.model(1))
    assert [(prompt, n) for prompt, n, *_ in model.asked] == [("its own retry", 1), ("p", 3)]
    assert alone.usage.completion_tokens == 10


def test_what_follows_a_draw_is_asked_alone() -> None:
    """A second stage depends on the first one's words, so nobody else would take the other completions."""
    model = Model()
    shared = SharedSamples(model, range(3))
    for i in range(3):
        sample = shared.model(i)
        drawn(sample, f"then {drawn(sample).text}")
    assert [(prompt, n) for prompt, n, *_ in model.asked] == [
        ("p", 3),
        ("then p 7", 1),
        ("then p 8", 1),
        ("then p 9", 1),
    ]


def test_one_second_stage_of_two_samples_gets_two_answers() -> None:
    model = Model()
    shared = SharedSamples(model, range(8))
    said = []
    for i in range(8):
        sample = shared.model(i)
        drawn(sample)
        said.append(drawn(sample, "the same columns").text)
    assert len(set(said)) == 8


def test_asking_again_gives_something_new_each_time() -> None:
    model = Model()
    shared = SharedSamples(model, range(4))
    samples = [shared.model(i) for i in range(4)]
    said = [drawn(samples[i]).text for _ in range(5) for i in range(4)]
    assert len(set(said)) == 20
    assert [n for _, n, *_ in model.asked] == [4] + [1] * 16


def test_at_temperature_0_nothing_is_asked_twice() -> None:
    model = Model()
    shared = SharedSamples(model, range(1, 4))
    samples = [shared.model(i) for i in range(4)]
    said = [drawn(sample, temperature=0.0) for sample in samples for _ in range(2)]
    assert model.asked == [("p", 1, 0.0, 7)]
    assert sum((c.usage for c in said), Usage()) == model.spent
    assert said[0].usage.calls == 1
    drawn(samples[0], "q", temperature=0.0)
    drawn(samples[0], temperature=0.0, grammar="root ::= x")
    assert len(model.asked) == 3


def test_several_completions_for_one_sample() -> None:
    model = Model()
    shared = SharedSamples(model, range(3))
    said = [c.text for i in range(3) for c in shared.model(i).complete(Request("p", n=2, temperature=0.7))]
    assert len(set(said)) == 6
    assert [n for _, n, *_ in model.asked] == [2, 2, 2]
    assert len(shared.model(0).complete(Request("p", n=2))) == len(shared.model(1).complete(Request("p", n=2))) == 2


def test_steps_within_steps_draw_different_seeds() -> None:
    """As in vote+first-valid: what one sample draws within must not be what another drew outside."""
    model = Model()
    outer = SharedSamples(model, range(1, 8))
    said = []
    for i in range(1, 8):
        inner = SharedSamples(outer.model(i), range(1, 8), 1)
        said += [drawn(inner.model(j)).text for j in range(8)]
    assert len(set(said)) == 56


def test_a_model_that_gives_fewer_is_asked_alone_for_the_rest() -> None:
    model = Model(at_most=2)
    shared = SharedSamples(model, range(5))
    said = [drawn(shared.model(i)) for i in range(5)]
    assert [n for _, n, *_ in model.asked] == [5, 1, 1, 1]
    assert len({c.text for c in said}) == 5
    assert sum((c.usage for c in said), Usage()) == model.spent


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_a_model_that_gives_none_has_not_answered(temperature: float) -> None:
    with pytest.raises(ModelError, match="and gave none"):
        drawn(SharedSamples(Model(at_most=0), range(2)).model(0), temperature=temperature)


def test_the_same_again_comes_from_the_cache(tmp_path: Any) -> None:
    model = Model()
    runs = []
    for _ in range(2):
        cached = CachedModel(model, tmp_path / "answers.sqlite")
        shared = SharedSamples(cached, range(1, 5), 3)
        samples = [shared.model(i) for i in range(5)]
        runs.append([drawn(sample) for sample in samples for _ in range(2)])
        cached.close()
    assert runs[0] == runs[1]
    assert sum((c.usage for c in runs[1]), Usage()) == model.spent
