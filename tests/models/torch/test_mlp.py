"""A block's MLP some rows at a time: the result and all gradients of the layers one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import torch

NEEDS = ("torch",)


def layers(int8: bool, dtype: str, bias: bool) -> list[Any]:
    from spider_opt.models.torch.int8 import Int8Linear
    from spider_opt.models.torch.lora import Lora

    generator = torch.Generator().manual_seed(0)
    made = []
    for n_in, n_out in ((64, 96), (64, 96), (96, 64)):
        torch.manual_seed(n_out)
        layer = torch.nn.Linear(n_in, n_out, bias=bias).requires_grad_(False).to(getattr(torch, dtype))
        lora = Lora(Int8Linear(layer.weight, layer.bias) if int8 else layer, 4, 8.0, generator)
        torch.nn.init.normal_(lora.b, std=0.1, generator=generator)
        made.append(lora)
    return made


def one_by_one(x: torch.Tensor, gate: Any, up: Any, down: Any) -> torch.Tensor:
    return down(torch.nn.functional.silu(gate(x)) * up(x))


def with_gradients(
    mlp: Callable[..., torch.Tensor], some: list[Any], x: torch.Tensor, given: torch.Tensor
) -> list[torch.Tensor]:
    own = x.clone().requires_grad_()
    y = mlp(own, *some)
    weights = [weight for layer in some for weight in (layer.a, layer.b)]
    return [y, *torch.autograd.grad(y, [own, *weights], given)]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("rows", [1, 7, 256])
@pytest.mark.parametrize(
    ("int8", "dtype", "narrow", "limit"),
    [
        (False, "float32", False, 1e-5),
        (False, "bfloat16", True, 0.02),
        (True, "float32", False, 1e-5),
        (True, "float32", True, 0.03),
    ],
)
def test_it_is_the_layers_one_by_one(
    int8: bool, dtype: str, narrow: bool, limit: float, rows: int, bias: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spider_opt.models.torch import mlp

    monkeypatch.setattr(mlp, "multiplies_bfloat16", lambda: narrow)
    monkeypatch.setattr(mlp, "_ROWS", rows)
    monkeypatch.setattr(mlp, "_MORE_ROWS", rows)
    some = layers(int8, dtype, bias)
    x, given = (torch.randn(2, 23, 64).to(getattr(torch, dtype)) for _ in range(2))
    found = with_gradients(mlp.learning_mlp, some, x, given)
    expected = with_gradients(one_by_one, some, x, given)
    for one, other in zip(found, expected, strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        assert (one.float() - other.float()).norm() <= limit * other.float().norm()
