"""The loss of a pack, and all gradients, are those of its examples one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spider_opt.models.torch.shared_prefix import Laid, laid, packed

if TYPE_CHECKING:
    import torch

    from spider_opt.models.torch.together import Together

NEEDS = ("torch",)

Tokens = list[int]
Made = Callable[..., tuple[Any, dict[str, Any]]]

CASES: dict[str, tuple[list[Tokens], list[Tokens]]] = {
    "different lengths": (
        [[5, 6, 7, 8, *tail] for tail in ([9], [10, 11, 12], [10, 13], [14, 15, 16, 17, 18, 19])],
        [[20], [21, 22, 23, 24, 25], [26, 27], [28, 29, 30]],
    ),
    "one question": ([[5, 6, 7, 8]], [[9, 10, 11]]),
    "one token each": ([[5], [6]], [[7], [8]]),
    "nothing shared": ([[5, 6, 7], [8, 6, 7, 9]], [[10, 11], [12]]),
    "one prompt within another": ([[5, 6], [5, 6, 7, 8]], [[9], [10, 11]]),
    "the same prompt": ([[5, 6, 7, 8]] * 3, [[9, 10], [11], [9, 10]]),
}
Batch = tuple[list[Tokens], list[Tokens]]


def gradients(lora: dict[str, Any]) -> dict[str, Any]:
    taken = {f"{name}.{side}": getattr(layer, side).grad for name, layer in lora.items() for side in "ab"}
    for layer in lora.values():
        layer.a.grad = layer.b.grad = None
    return taken


def as_pack(model: Any, lora: dict[str, Any], pack: Laid | Together) -> tuple[float, dict[str, Any]]:
    from spider_opt.training.loss import summed_loss

    loss = summed_loss(model, pack)
    loss.backward()
    return loss.item(), gradients(lora)


def one_by_one(model: Any, lora: dict[str, Any], prompts: Sequence[Tokens], answers: Sequence[Tokens]) -> Any:
    """The same with transformers' own attention and torch's own loss, an example at a time."""
    model.set_attn_implementation("eager")
    total = 0.0
    for prompt, answer in zip(prompts, answers, strict=True):
        logits = model(torch.tensor([[*prompt, *answer]])).logits[0, len(prompt) - 1 : -1]
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor(answer), reduction="sum")
        loss.backward()
        total += loss.item()
    model.set_attn_implementation("packed")
    return total, gradients(lora)


def check_equal(made: tuple[Any, dict[str, Any]], prompts: Sequence[Tokens], answers: Sequence[Tokens]) -> None:
    loss, own = as_pack(*made, laid(packed(prompts, answers)))
    expected_loss, expected = one_by_one(*made, prompts, answers)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    assert own.keys() == expected.keys()
    largest = max(gradient.abs().max().item() for gradient in expected.values())
    for name, gradient in expected.items():
        torch.testing.assert_close(own[name], gradient, rtol=1e-4, atol=1e-5 * largest, msg=name)


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradients_are_those_of_the_examples_one_by_one(tuned: Made, case: str, kv_heads: int) -> None:
    check_equal(tuned(kv_heads=kv_heads), *CASES[case])


def test_all_weights_have_a_gradient(tuned: Made) -> None:
    _, own = as_pack(*tuned(), laid(packed(*CASES["different lengths"])))
    assert len(own) == 2 * 7 * 2
    assert all(gradient.norm() > 0 for gradient in own.values())


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    token = st.integers(0, 299)
    shared = draw(st.lists(token, max_size=12))
    n = draw(st.integers(1, 4))
    prompts = [[*shared, *draw(st.lists(token, min_size=1, max_size=8))] for _ in range(n)]
    return prompts, [draw(st.lists(token, min_size=1, max_size=6)) for _ in range(n)]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=batches())
def test_so_it_is_whatever_their_lengths(tuned: Made, batch: Batch) -> None:
    check_equal(tuned(), *batch)


@given(batch=batches())
def test_no_token_is_lost(batch: Batch) -> None:
    prompts, answers = batch
    pack = packed(prompts, answers)
    whole = [[*pack.shared, *rest] for rest in pack.rests]
    assert whole == [[*prompt, *answer] for prompt, answer in zip(prompts, answers, strict=True)]
    assert [rest[start:] for rest, start in zip(pack.rests, pack.answers, strict=True)] == [*map(tuple, answers)]
    assert min(pack.answers) >= 1
    assert pack.n_answer_tokens == sum(map(len, answers))
    assert len(pack) == laid(pack).ids.shape[1]


# --- faults that the comparison must see -------------------------------------------------------


def looks_ahead(pack: Laid) -> Laid:
    return replace(pack, sees=torch.zeros_like(pack.sees))


def does_not_see_the_beginning(pack: Laid) -> Laid:
    sees = pack.sees.clone()
    sees[:, : pack.n_shared] = float("-inf")
    return replace(pack, sees=sees)


def positions_go_on(pack: Laid) -> Laid:
    return replace(pack, positions=torch.arange(pack.ids.shape[1])[None])


def one_sees_its_neighbour(pack: Laid) -> Laid:
    square = pack.square.clone()
    square[1, 0] = square[0, 0]
    return replace(pack, square=square)


def predicts_from_the_token_before(pack: Laid) -> Laid:
    return replace(pack, predicts=pack.predicts - 1)


@pytest.mark.parametrize(
    "fault",
    [
        looks_ahead,
        does_not_see_the_beginning,
        positions_go_on,
        one_sees_its_neighbour,
        predicts_from_the_token_before,
    ],
)
def test_a_planted_fault_is_seen(tuned: Made, fault: Callable[[Laid], Laid], monkeypatch: pytest.MonkeyPatch) -> None:
    from spider_opt.models.torch import attention
    from spider_opt.models.torch import lora as of_lora

    monkeypatch.setattr(of_lora, "attend", attention.attend_masked)  # the one that looks at all of what is laid out
    model, lora = tuned()
    prompts, answers = CASES["different lengths"]
    expected, _ = one_by_one(model, lora, prompts, answers)
    pack = laid(packed(prompts, answers))
    assert as_pack(model, lora, pack)[0] == pytest.approx(expected, rel=1e-5)
    assert as_pack(model, lora, fault(pack))[0] != pytest.approx(expected, rel=1e-4)


def test_packs_one_behind_the_other_are_each_alone(tuned: Made) -> None:
    from spider_opt.models.torch.together import together

    model, lora = tuned()
    batches = [CASES[name] for name in ("different lengths", "nothing shared", "one question")]
    batches.append(([[40, 41, 42, 43, 44, 9], [40, 41, 42, 43, 44, 10, 11]], [[20, 21], [22]]))  # begins otherwise
    packs = [laid(packed(*batch)) for batch in batches]
    alone = [as_pack(model, lora, pack) for pack in packs]
    loss, own = as_pack(model, lora, together(packs))
    assert loss == pytest.approx(sum(loss for loss, _ in alone), rel=1e-5)
    for name, gradient in own.items():
        torch.testing.assert_close(gradient, sum(each[name] for _, each in alone), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kv_heads", [1, 2])
def test_torch_is_called_as_often_for_many_packs_as_for_one(tuned: Made, kv_heads: int) -> None:
    from torch.utils._python_dispatch import TorchDispatchMode

    from spider_opt.models.torch.together import together

    class Calls(TorchDispatchMode):
        n = 0

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.n += 1
            return function(*args, **(kwargs or {}))

    model, lora = tuned(kv_heads=kv_heads)
    pack = laid(packed(*CASES["different lengths"]))
    counted = []
    for n in (1, 5):
        packs = together([pack] * n)
        with Calls() as calls:
            as_pack(model, lora, packs)
        counted.append(calls.n)
    assert counted[0] == counted[1] > 100


def test_plain_attention_over_a_pack_is_something_else(tuned: Made) -> None:
    model, lora = tuned()
    prompts, answers = CASES["different lengths"]
    expected, _ = one_by_one(model, lora, prompts, answers)
    pack = laid(packed(prompts, answers))
    model.set_attn_implementation("eager")
    logits = model(pack.ids, position_ids=pack.positions).logits[0, pack.predicts]
    loss = torch.nn.functional.cross_entropy(logits, pack.targets, reduction="sum").item()
    assert loss != pytest.approx(expected, rel=1e-3)


# --- over the vocabulary -----------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 48, 130])
def test_the_loss_is_torchs_own(n: int) -> None:
    from spider_opt.training.loss import _SummedCrossEntropy

    torch.manual_seed(0)
    vocabulary = torch.nn.Linear(64, 300, bias=False).requires_grad_(False)
    targets = torch.randint(300, (n,))
    taken = []
    for of in (
        lambda x: _SummedCrossEntropy.apply(x, vocabulary, targets),
        lambda x: torch.nn.functional.cross_entropy(vocabulary(x), targets, reduction="sum"),
    ):
        torch.manual_seed(1)
        states = torch.randn(n, 64, requires_grad=True)
        loss = of(states)
        (loss * 0.3).backward()
        taken.append((loss.detach(), states.grad))
    torch.testing.assert_close(taken[0], taken[1], rtol=1e-5, atol=1e-6)
    with torch.no_grad():
        assert _SummedCrossEntropy.apply(states, vocabulary, targets).item() == taken[0][0].item()


def test_the_loss_of_a_vocabulary_in_whole_numbers() -> None:
    from spider_opt.models.torch.int8 import Int8Linear
    from spider_opt.training.loss import _SummedCrossEntropy

    torch.manual_seed(0)
    weight, targets = torch.randn(300, 64) / 8, torch.randint(300, (130,))
    states = torch.randn(130, 64, requires_grad=True)
    loss = _SummedCrossEntropy.apply(states, Int8Linear(weight), targets)
    loss.backward()
    full = states.detach().requires_grad_()
    expected = torch.nn.functional.cross_entropy(full @ weight.t(), targets, reduction="sum")
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=0.01)
    assert (states.grad - full.grad).norm() / full.grad.norm() < 0.05


@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize("sure", [1.0, 30.0])  # how much larger the logits of two tokens in a hundred are
def test_tokens_next_to_impossible_are_left_out_where_that_changes_nothing(
    sure: float, int8: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spider_opt.models.torch.int8 import Int8Linear
    from spider_opt.training import loss

    torch.manual_seed(0)
    weight = torch.randn(5000, 64) / 8
    weight[:100] *= sure
    vocabulary: Any = torch.nn.Linear(64, 5000, bias=False).requires_grad_(False)
    vocabulary.weight.copy_(weight)
    if int8:
        vocabulary = Int8Linear(weight, learns=False)
        weight = vocabulary.rows(slice(None))
    states, targets = torch.randn(130, 64, requires_grad=True), torch.randint(100, (130,))
    found, n_found = loss._likely, []

    def likely(chances: torch.Tensor, target: torch.Tensor) -> Any:
        kept = found(chances, target)
        n_found.append(5000 if kept is None else sum(map(len, kept)))
        return kept

    monkeypatch.setattr(loss, "_likely", likely)
    loss._SummedCrossEntropy.apply(states, vocabulary, targets).backward()
    assert (max(n_found) < 1250) == (sure > 1)
    full = states.detach().requires_grad_()
    torch.nn.functional.cross_entropy(full @ weight.t(), targets, reduction="sum").backward()
    assert (states.grad - full.grad).norm() / full.grad.norm() < (0.05 if int8 else 1e-4)


def test_what_is_left_out_never_counts_much() -> None:
    from spider_opt.training.loss import _likely

    chances = torch.full((3, 10_000), 9e-7)  # each below what is likely, together a hundredth
    chances[:, 0] = 1 - 9999 * 9e-7
    target = torch.zeros(3, 1, dtype=torch.int64)
    assert _likely(chances, target) is None
    chances[:, 1:] = 1e-10
    chances[:, 0], chances[:, 7] = 0.6, 0.4
    target[2] = 9000
    kept = _likely(chances, target)
    assert kept is not None
    assert torch.cat(list(kept)).tolist() == [0, 7, 9000]


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_in_pieces_it_is_the_same(tuned: Made, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    from spider_opt.training import loss

    monkeypatch.setattr(loss, "_ROWS", rows)
    loss._ROOMS.clear()
    check_equal(tuned(kv_heads=2), *CASES["different lengths"])
    loss._ROOMS.clear()
