"""A block's MLP with LoRA in a training, both ways some rows at a time.

What is made on the way, which is several times as wide as a block's state, is then still in the processor's caches when
it is used. Kept for the way back are the gate and what it opens for; their products are made again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from spider_opt.models.torch.compute import multiplies_bfloat16
from spider_opt.models.torch.int8 import Int8Linear, multiplied, rounded

if TYPE_CHECKING:
    from spider_opt.models.torch.lora import Lora

_ROWS = 512
"""Rows at once where whole numbers are multiplied; other products want more."""
_MORE_ROWS = 1024


def numbers_for(base: object, x: Tensor) -> torch.dtype:
    """Return in which numbers a training keeps what x becomes, and multiplies it with LoRA's weights.

    What whole numbers round away is more than bfloat16 does.
    """
    return torch.bfloat16 if isinstance(base, Int8Linear) and multiplies_bfloat16() else x.dtype


def learning_mlp(x: Tensor, gate: Lora, up: Lora, down: Lora) -> Tensor:
    """Return (…, d) for x (…, d), with the gradients of x and of all LoRA weights."""
    weights = [weight for layer in (gate, up, down) for weight in (layer.a, layer.b)]
    y: Tensor = _Mlp.apply(x.flatten(0, -2), (gate, up, down), *weights)  # type: ignore[no-untyped-call]
    return y.view(*x.shape[:-1], -1)


class _Mlp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, layers: tuple[Lora, Lora, Lora], *weights: Tensor) -> Tensor:
        numbers = numbers_for(layers[0].base, x)
        gates, ups = (x.new_empty(len(x), layer.base.out_features, dtype=numbers) for layer in layers[:2])
        y = x.new_empty(len(x), layers[2].base.out_features)
        made = [layer.made(numbers) for layer in layers]
        for rows in _pieces(x, layers[0].base):
            ready, cast = _ready(layers[0].base, x[rows]), x[rows].to(numbers)
            for layer, (a, b), out in zip(layers[:2], made, (gates[rows], ups[rows]), strict=False):
                _forth(layer.base, ready, out).addmm_(cast @ a.t(), b.t())
            opened = functional.silu(gates[rows]).mul_(ups[rows])
            a, b = made[2]
            _forth(layers[2].base, _ready(layers[2].base, opened), y[rows]).add_(opened @ a.t() @ b.t())
        ctx.save_for_backward(x, gates, ups, *weights)
        ctx.layers = layers
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, gates, ups, *weights = ctx.saved_tensors
        gate, up, down = ctx.layers
        numbers = gates.dtype
        made = [layer.made(numbers) for layer in ctx.layers]
        to_x = torch.empty_like(x)
        # Of each B as it stands across, in float32: what a piece gives is small beside the sum.
        sums = [x.new_zeros(w.shape if i % 2 == 0 else w.t().shape, dtype=w.dtype) for i, w in enumerate(weights)]

        def learn(n: int, put_in: Tensor, given: Tensor) -> Tensor:
            """Add to the gradients of a layer's A and B; return the gradient of what was put in that is LoRA's."""
            a, b = made[n]
            low = given @ b
            sums[2 * n].add_(low.t() @ put_in)
            sums[2 * n + 1].add_((put_in @ a.t()).t() @ given)
            to_input: Tensor = low @ a
            return to_input

        for rows in _pieces(x, gate.base):
            given = gradients[0][rows]
            silu = functional.silu(gates[rows])
            to_opened = _back(down.base, given, torch.empty_like(silu))
            to_opened += learn(2, silu * ups[rows], given.to(numbers))
            to_up = silu.mul_(to_opened)
            to_gate = torch.ops.aten.silu_backward(to_opened.mul_(ups[rows]), gates[rows])
            cast = x[rows].to(numbers)
            _back(gate.base, to_gate, to_x[rows]).add_(learn(0, cast, to_gate))
            to_x[rows] += _back(up.base, to_up, torch.empty_like(to_x[rows])).add_(learn(1, cast, to_up))
        for n, layer in enumerate(ctx.layers):
            sums[2 * n].mul_(layer.scale)
            sums[2 * n + 1] = sums[2 * n + 1].t()
        return to_x, None, *sums


def _pieces(x: Tensor, base: nn.Linear | Int8Linear) -> Iterator[slice]:
    """Yield the rows that are computed at once; a GPU computes all."""
    step = max(1, len(x)) if not x.is_cpu else _ROWS if isinstance(base, Int8Linear) else _MORE_ROWS
    return (slice(i, i + step) for i in range(0, len(x), step))


def _ready(base: nn.Linear | Int8Linear, x: Tensor) -> Any:
    """Return x as a frozen layer, and others like it, multiply it."""
    return rounded(x.float()) if isinstance(base, Int8Linear) else x


def _forth(base: nn.Linear | Int8Linear, ready: Any, out: Tensor) -> Tensor:
    if isinstance(base, Int8Linear):
        whole, scale = ready
        multiplied(whole, scale, base.forth, base.forth_scale, out)
    else:
        torch.mm(ready, base.weight.t(), out=out)
    return out if base.bias is None else out.add_(base.bias)


def _back(base: nn.Linear | Int8Linear, gradient: Tensor, out: Tensor) -> Tensor:
    if isinstance(base, Int8Linear):
        whole, scale = rounded(gradient.float())
        return multiplied(whole, scale, base.back, base.back_scale, out)
    return torch.mm(gradient, base.weight, out=out)
