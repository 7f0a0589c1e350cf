"""Frozen layers in 8-bit whole numbers, whose products are faster on processors with VNNI instructions.

Each row of an input, and each row (for the way back, each column) of the weights has its own scale. The weights come
from a file with 4 to 6 bits each, and llama.cpp rounds what they are multiplied by to 8 bits, too; LoRA's own weights
are computed in full. ``benchmarks/training.py`` says what a pack takes so, and how its loss differs from that in
float32; most of that comes from down_proj, whose inputs have single large values.

Source: Dettmers et al. 2022 (LLM.int8, arXiv:2208.07339), vector-wise, without the part for outliers.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_ROWS = 512
"""Rows at once: what is made on the way to a product is still in the processor's caches then."""


class Int8Linear(nn.Module):
    """A frozen linear layer; keeps two copies of the weights, one for each way, or where nothing is learnt only one."""

    forth: Tensor
    forth_scale: Tensor
    back: Tensor
    back_scale: Tensor

    def __init__(self, weight: Tensor, bias: Tensor | None = None, *, learns: bool = True) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        forth, forth_scale = rounded(weight.float())
        # (in, out); a few rows are multiplied faster by rows as they are, many by columns.
        self.register_buffer("forth", forth.t().contiguous() if learns else forth.t())
        self.register_buffer("forth_scale", forth_scale.t().contiguous())
        if learns:
            back, back_scale = rounded(weight.float().t().contiguous())
            self.register_buffer("back", back.t().contiguous())  # (out, in)
            self.register_buffer("back_scale", back_scale.t().contiguous())
        self.bias = bias

    def forward(self, x: Tensor) -> Tensor:
        """Return (…, out) float32 for x (…, in)."""
        y: Tensor = _Frozen.apply(x.flatten(0, -2), self)  # type: ignore[no-untyped-call]
        if self.bias is not None:
            y = y + self.bias
        return y.view(*x.shape[:-1], self.out_features)

    def times(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        """Return x (n, in) times the weights, (n, out) float32, in ``out`` where it is given."""
        return _multiplied(x, self.forth, self.forth_scale, out)

    def rows(self, some: Tensor | slice) -> Tensor:
        """Return some rows of the weights, float32 (n, in)."""
        return self.forth.t()[some].float().mul_(self.forth_scale[0, some, None])

    def times_back(self, gradient: Tensor) -> Tensor:
        """Return the gradient of x for that of the result."""
        return _multiplied(gradient, self.back, self.back_scale)


class _Frozen(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: Int8Linear) -> Tensor:
        ctx.layer = layer
        return layer.times(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.layer.times_back(gradients[0]), None


def rounded(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rows of x (n, d) as int8 and their scales (n, 1).

    >>> whole, scale = rounded(torch.tensor([[0.5, -1.0], [0.0, 0.0]]))
    >>> (whole * scale).tolist()
    [[0.5039370059967041, -1.0], [0.0, 0.0]]
    """
    scale = x.abs().amax(-1, keepdim=True).clamp_min_(1e-30).div_(127)
    return (x / scale).round_().to(torch.int8), scale


def multiplied(whole: Tensor, x_scale: Tensor, weights: Tensor, scale: Tensor, out: Tensor) -> Tensor:
    """Write a product of whole numbers, each with its scales, into ``out``, which is returned."""
    y = torch._int_mm(whole, weights)
    # Numbers of two types in one product take twice as long as copied first.
    if out.dtype == torch.float32:
        return out.copy_(y).mul_(x_scale).mul_(scale)
    return out.copy_(y.float().mul_(x_scale).mul_(scale))


def _multiplied(x: Tensor, weights: Tensor, scale: Tensor, out: Tensor | None = None) -> Tensor:
    y = x.new_empty(len(x), weights.shape[1], dtype=torch.float32) if out is None else out
    for i in range(0, len(x), _ROWS):
        whole, x_scale = rounded(x[i : i + _ROWS])
        multiplied(whole, x_scale, weights, scale, y[i : i + _ROWS])
    return y
