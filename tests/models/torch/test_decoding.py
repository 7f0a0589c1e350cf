"""Prompts answered side by side are answered as each alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import torch

NEEDS = ("torch",)

Made = Callable[..., tuple[Any, dict[str, Any]]]
Tokens = list[int]
SHARED = [5, 6, 7, 8, 9, 10, 11]
PROMPTS: dict[str, list[Tokens]] = {
    "different lengths": [[*SHARED, *tail] for tail in ([12], [13, 14, 15], [16, 17], [18, 19, 20, 21, 22, 23])],
    "one": [[5, 6, 7, 8]],
    "one token each": [[5], [6]],
    "nothing shared": [[5, 6, 7], [8, 6, 7, 9]],
    "one within another": [[5, 6], [5, 6, 7, 8]],
    "the same": [[5, 6, 7, 8]] * 3,
}
N = 12


def alone(model: Any, prompt: Tokens, stops: set[int], max_tokens: int) -> Tokens:
    """What transformers' own attention and cache lead to, a prompt at a time."""
    ids, past = prompt, None
    said: Tokens = []
    with torch.no_grad():
        while len(said) < max_tokens:
            result = model(torch.tensor([ids]), past_key_values=past, use_cache=True)
            ids, past = [int(result.logits[0, -1].argmax())], result.past_key_values
            if ids[0] in stops:
                break
            said += ids
    return said


def each_alone(model: Any, prompts: list[Tokens], stops: set[int], max_tokens: int = N) -> list[Tokens]:
    model.set_attn_implementation("eager")
    said = [alone(model, prompt, stops, max_tokens) for prompt in prompts]
    model.set_attn_implementation("packed")
    return said


def decoder(model: Any, stops: set[int] = frozenset()) -> Any:  # type: ignore[assignment]
    from spider_opt.models.torch.decoding import Decoder

    return Decoder(model, [*stops])


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("case", PROMPTS)
def test_answers_are_those_of_each_alone(tuned: Made, case: str, kv_heads: int) -> None:
    model, _ = tuned(kv_heads=kv_heads)
    expected = each_alone(model, PROMPTS[case], set())
    assert all(len(said) == N for said in expected)
    assert decoder(model).decode(PROMPTS[case], max_tokens=N) == expected


def test_answers_end_where_each_alone_ends(tuned: Made) -> None:
    model, _ = tuned()
    prompts = PROMPTS["different lengths"]
    free = each_alone(model, prompts, set())
    stops = {free[0][3], free[2][0], free[3][7]}
    expected = each_alone(model, prompts, stops)
    assert len({len(said) for said in expected}) >= 3, "they must end at different times for this to show something"
    assert decoder(model, stops).decode(prompts, max_tokens=N) == expected


def test_no_more_tokens_than_asked_for(tuned: Made) -> None:
    model, _ = tuned()
    expected = each_alone(model, PROMPTS["one within another"], set(), 1)
    assert decoder(model).decode(PROMPTS["one within another"], max_tokens=1) == expected


def test_without_the_kernel_for_processors(tuned: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    from spider_opt.models.torch import attention

    model, _ = tuned()
    expected = each_alone(model, PROMPTS["different lengths"], set())
    monkeypatch.setattr(attention, "_forward", None)
    assert decoder(model).decode(PROMPTS["different lengths"], max_tokens=N) == expected


def test_whole_numbers(tuned: Made) -> None:
    model, _ = tuned(int8=True)
    together = decoder(model).decode(PROMPTS["different lengths"], max_tokens=N)
    assert together == [decoder(model).decode([prompt], max_tokens=N)[0] for prompt in PROMPTS["different lengths"]]


# --- drawn -------------------------------------------------------------------------------------


def drawn(model: Any, prompts: list[Tokens], draws: list[tuple[int, float, int]], **options: Any) -> list[Tokens]:
    from spider_opt.models.torch.decoding import Draw

    options = {"max_tokens": N, "draws": [Draw(*draw) for draw in draws]} | options
    said: list[Tokens] = decoder(model, options.pop("stops", set())).decode(prompts, **options)
    return said


@pytest.mark.parametrize("int8", [False, True])
def test_a_draw_is_the_same_in_any_company(tuned: Made, int8: bool) -> None:
    model, _ = tuned(int8=int8)
    prompts = PROMPTS["different lengths"]
    draws = [(i, heat, seed) for seed in range(3) for heat in (0.7, 1.5) for i in range(len(prompts))]
    together = drawn(model, prompts, draws)
    assert together == [drawn(model, [prompts[i]], [(0, heat, seed)])[0] for i, heat, seed in draws]
    order = [*reversed(range(len(draws))), 3, 3]
    assert drawn(model, prompts, [draws[i] for i in order]) == [together[i] for i in order]
    others = [*prompts[1:], [30, 31, 32]]  # no prompt's own tokens are shared any more
    some = [(i - 1, *draw) for i, *draw in draws if i]
    assert drawn(model, others, [*some, (3, 1.0, 1)])[:-1] == [
        said for said, (i, _, _) in zip(together, draws, strict=True) if i
    ]


def test_a_draw_is_the_same_beside_answers_that_end_early(tuned: Made) -> None:
    model, _ = tuned()
    prompts, draws = PROMPTS["different lengths"], [(i % 4, 1.0, i) for i in range(12)]
    free = drawn(model, prompts, draws)
    stops = {free[0][3], free[2][0], free[5][7]}
    cut = [next((said[:i] for i, token in enumerate(said) if token in stops), said) for said in free]
    assert len({len(said) for said in cut}) >= 3
    assert drawn(model, prompts, draws, stops=stops) == cut


def test_without_temperature_it_is_the_likeliest(tuned: Made) -> None:
    model, _ = tuned()
    prompts = PROMPTS["different lengths"]
    greedy = decoder(model).decode(prompts, max_tokens=N)
    said = drawn(model, prompts, [(i, heat, 5) for i in range(4) for heat in (0.0, 1.5, 0.0)])
    assert said[::3] == said[2::3] == greedy
    assert all(hot != cold for hot, cold in zip(said[1::3], greedy, strict=True))
    assert drawn(model, prompts, [(i, 1e-4, 5) for i in range(4)]) == greedy


def test_what_is_the_same_is_computed_once(tuned: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """At each token there are as many rows as there are different beginnings of answers that go on."""
    from spider_opt.models.torch.decoding import Decoder, _Going

    rows: list[int] = []
    states = Decoder._states

    def counted(self: Any, ids: Any, positions: Any, pack: Any) -> Any:
        if isinstance(pack, _Going):
            rows.append(ids.shape[1])
        return states(self, ids, positions, pack)

    monkeypatch.setattr(Decoder, "_states", counted)
    model, _ = tuned()
    prompts = [*PROMPTS["different lengths"], [*PROMPTS["one"][0]]]
    draws = [(i, heat, seed) for i in range(4) for heat in (0.0, 0.4) for seed in range(4)]
    free = drawn(model, prompts, draws)
    stops = {free[0][4], free[9][2]}
    rows.clear()
    said = drawn(model, prompts, draws, stops=stops)
    longest = max(map(len, said))
    going = [
        len({(i, *tokens[:n]) for (i, _, _), tokens in zip(draws, said, strict=True) if len(tokens) >= n})
        for n in range(1, min(longest, N - 1) + 1)
    ]
    assert rows == going
    assert 4 <= going[0] < going[3], "they must part for this to show something"


def test_rows_get_more_room(tuned: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    from spider_opt.models.torch import decoding

    model, _ = tuned()
    prompts = PROMPTS["different lengths"]
    draws = [(i % 4, 0.7, i) for i in range(8)]
    expected = decoder(model).decode(prompts, max_tokens=40), drawn(model, prompts, draws, max_tokens=40)
    assert min(map(len, expected[0])) > decoding._ROOM
    monkeypatch.setattr(decoding, "_ROOM", 3)
    assert (decoder(model).decode(prompts, max_tokens=40), drawn(model, prompts, draws, max_tokens=40)) == expected


def test_the_seed_decides(tuned: Made) -> None:
    model, _ = tuned()
    prompt = [5, 6, 7, 8]
    one, again, other = drawn(model, [prompt], [(0, 1.0, 3), (0, 1.0, 3), (0, 1.0, 4)])
    assert one == again != other
    assert len({tuple(said) for said in drawn(model, [prompt], [(0, 1.0, seed) for seed in range(50)])}) == 50


@pytest.mark.parametrize("temperature", [0.7, 1.0, 2.0])
def test_tokens_come_as_often_as_they_are_likely(tuned: Made, temperature: float) -> None:
    model, _ = tuned()
    prompt, n = [5, 6, 7, 8], 4000
    model.set_attn_implementation("eager")
    with torch.no_grad():
        logits = model(torch.tensor([prompt])).logits[0, -1]
    model.set_attn_implementation("packed")
    likely = (logits / temperature).softmax(-1)
    said = drawn(model, [prompt], [(0, temperature, seed) for seed in range(n)], max_tokens=1)
    often = torch.bincount(torch.tensor(said)[:, 0], minlength=len(likely)) / n
    error = (likely * (1 - likely) / n).sqrt()
    assert ((often - likely).abs() <= 4.5 * error + 1 / n).all()
    assert likely.max() < 0.95, "else this shows nothing"


def test_the_next_token_is_drawn_by_a_number_of_its_own(tuned: Made) -> None:
    """One number for all tokens of an answer would make them all likely, or all unlikely ones."""
    model, _ = tuned()
    prompt, n = [5, 6, 7, 8], 2000
    said = drawn(model, [prompt], [(0, 2.0, seed) for seed in range(n)], max_tokens=2)
    followers: dict[int, list[int]] = {}
    for one, two in said:
        followers.setdefault(one, []).append(two)
    first, seconds = max(followers.items(), key=lambda pair: len(pair[1]))
    model.set_attn_implementation("eager")
    with torch.no_grad():
        likely = (model(torch.tensor([[*prompt, first]])).logits[0, -1] / 2.0).softmax(-1)
    model.set_attn_implementation("packed")
    m = len(seconds)
    often = torch.bincount(torch.tensor(seconds), minlength=len(likely)) / m
    assert m > 20
    assert ((often - likely).abs() <= 4.5 * (likely * (1 - likely) / m).sqrt() + 1 / m).all()


def test_the_last_token_of_the_vocabulary_is_the_last() -> None:
    """Rounding may leave the sum of all chances a little below a number just below 1."""
    from spider_opt.models.torch.decoding import Draw, _Choice

    choice = _Choice([Draw(0, 1.0, seed) for seed in range(3)], 1, torch.device("cpu"))
    choice._numbers = torch.tensor([[0.0], [0.5], [1.0]])
    logits = torch.full((3, 4), float("-inf"))
    logits[:, 1:] = 0.0
    assert choice(logits, [[0], [1], [2]]) == {0: 1, 1: 2, 2: 3}


def test_it_ends_where_answers_are_not_wanted_any_more(tuned: Made) -> None:
    model, _ = tuned()
    whole = decoder(model).decode(PROMPTS["one"], max_tokens=N)
    left = iter([True, True, False])
    assert decoder(model).decode(PROMPTS["one"], max_tokens=N, wanted=lambda: next(left)) == [whole[0][:3]]


# --- how probable ------------------------------------------------------------------------------


def mean_logprob(model: Any, prompt: Tokens, said: Tokens) -> float:
    """What transformers' own pass over a prompt and its answer gives for the answer's tokens."""
    import torch

    model.set_attn_implementation("eager")
    with torch.no_grad():
        logits = model(torch.tensor([[*prompt, *said]])).logits[0, len(prompt) - 1 : -1].float()
    model.set_attn_implementation("packed")
    return float(logits.log_softmax(-1)[range(len(said)), said].mean())


@pytest.mark.parametrize("heat", [0.0, 1.5])
def test_log_probabilities_are_those_of_one_pass(tuned: Made, heat: float) -> None:
    from spider_opt.models.torch.decoding import Draw

    model, _ = tuned()
    prompts = PROMPTS["different lengths"]
    draws = [Draw(i, heat, seed) for seed in range(3) for i in range(len(prompts))]
    plain = decoder(model).decode(prompts, max_tokens=N, draws=draws)
    stops = {plain[0][3], plain[1][0]}
    answers = decoder(model, stops).answers(prompts, max_tokens=N, draws=draws, logprobs=True)
    assert [one.tokens for one in answers] == decoder(model, stops).decode(prompts, max_tokens=N, draws=draws)
    assert any(one.tokens == [] for one in answers)
    for one, draw in zip(answers, draws, strict=True):
        if one.tokens:
            assert one.logprob == pytest.approx(mean_logprob(model, prompts[draw.prompt], one.tokens), abs=1e-4)
        else:
            assert one.logprob is None
    told = decoder(model).answers(prompts, max_tokens=N, draws=draws)
    assert {one.logprob for one in told} == {None}, "nobody asked"
