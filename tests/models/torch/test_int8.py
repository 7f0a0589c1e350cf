"""Frozen layers in whole numbers give nearly what they give in full."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from spider_opt.models.torch.shared_prefix import laid, packed

if TYPE_CHECKING:
    import torch

NEEDS = ("torch",)

PROMPTS, ANSWERS = [[5, 6, 7, 8, 9], [5, 6, 7, 10]], [[20, 21, 22], [23, 24]]


def error(found: Any, expected: Any) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.fixture
def layer() -> Any:
    torch.manual_seed(0)
    return torch.nn.Linear(256, 384)


@pytest.mark.parametrize("rows", [1, 2, 16, 17, 40])
def test_what_is_only_asked_multiplies_as_what_learns(layer: Any, rows: int) -> None:
    from spider_opt.models.torch.int8 import Int8Linear

    x = torch.randn(rows, 256)
    asked, learning = (Int8Linear(layer.weight, learns=learns).times(x) for learns in (False, True))
    assert torch.equal(asked, learning)


@pytest.mark.parametrize("learns", [False, True])
def test_some_rows_of_the_weights(layer: Any, learns: bool) -> None:
    from spider_opt.models.torch.int8 import Int8Linear

    weight = layer.weight.detach()
    of = Int8Linear(weight, learns=learns)
    assert error(of.rows(slice(None)), weight) < 0.01
    assert torch.equal(of.rows(torch.tensor([3, 383])), of.rows(slice(None))[[3, 383]])
    assert torch.equal(of.rows(slice(1, 4)), of.rows(slice(None))[1:4])


def test_in_pieces_the_product_is_the_same(layer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from spider_opt.models.torch import int8

    of, x = int8.Int8Linear(layer.weight), torch.randn(37, 256)
    gradient = torch.randn(37, 384)
    whole = of.times(x), of.times_back(gradient)
    monkeypatch.setattr(int8, "_ROWS", 18)
    assert torch.equal(of.times(x), whole[0])
    assert torch.equal(of.times_back(gradient), whole[1])


def test_result_and_gradient_are_nearly_those_of_the_layer(layer: Any) -> None:
    from spider_opt.models.torch.int8 import Int8Linear

    x, gradient = torch.randn(2, 37, 256), torch.randn(2, 37, 384)
    taken = []
    for module in (layer, Int8Linear(layer.weight, layer.bias)):
        own = x.clone().requires_grad_()
        y = module(own)
        y.backward(gradient)
        taken.append((y.detach(), own.grad))
    (expected, expected_gradient), (found, found_gradient) = taken
    assert found.shape == expected.shape
    assert 0 < error(found, expected) < 0.012
    assert 0 < error(found_gradient, expected_gradient) < 0.012


def test_each_row_has_its_own_scale(layer: Any) -> None:
    """A row a million times another, and one of zeros, leave the others as they are."""
    from spider_opt.models.torch.int8 import Int8Linear

    x = torch.randn(4, 256) * torch.tensor([[1e6], [1e-6], [0.0], [1.0]])
    found, expected = Int8Linear(layer.weight)(x), x @ layer.weight.detach().t()
    for i in (0, 1, 3):
        assert error(found[i], expected[i]) < 0.015
    assert found[2].abs().max() == 0


def test_one_token_is_enough(layer: Any) -> None:
    from spider_opt.models.torch.int8 import Int8Linear

    x = torch.randn(1, 1, 256)
    with torch.no_grad():
        assert error(Int8Linear(layer.weight, layer.bias)(x), layer(x)) < 0.015


def test_a_model_in_whole_numbers_has_nearly_the_loss_and_the_gradients(
    tuned: Callable[..., tuple[Any, dict[str, Any]]],
) -> None:
    from spider_opt.training.loss import summed_loss

    losses, gradients = [], []
    for int8 in (False, True):
        model, lora = tuned(int8=int8)
        loss = summed_loss(model, laid(packed(PROMPTS, ANSWERS)))
        loss.backward()
        losses.append(loss.item())
        gradients.append(torch.cat([x.grad.flatten() for layer in lora.values() for x in (layer.a, layer.b)]))
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)
    assert torch.nn.functional.cosine_similarity(*gradients, dim=0) > 0.99


def test_what_never_learns_answers_alike_with_half_of_the_weights(layer: Any) -> None:
    from spider_opt.models.torch.int8 import Int8Linear

    both, one = (Int8Linear(layer.weight, layer.bias, learns=learns) for learns in (True, False))
    x = torch.randn(4, 256)
    assert torch.equal(both(x), one(x))
    assert {name for name, _ in one.named_buffers()} == {"forth", "forth_scale"}
