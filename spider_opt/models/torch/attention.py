"""Attention over a pack.

On a processor the rests attend in two parts, to the beginning that they share and to themselves, which are then joined
by their log-sum-exp: neither needs a mask, and the shared keys are never repeated. A training attends in
more parts (``pieces``), in bfloat16 on the way back alone. ``benchmarks/training.py`` compares it with a mask.

Source: Dao 2023 (FlashAttention-2, arXiv:2307.08691); the joining after Liu et al. 2023 (Ring Attention,
arXiv:2310.01889).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention as dot

from spider_opt.models.torch.pieces import InPieces, back
from spider_opt.models.torch.shared_prefix import Laid

_forward: Any = getattr(torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu", None)


def attend(
    query: Tensor, key: Tensor, value: Tensor, pack: Laid, scaling: float, numbers: torch.dtype | None = None
) -> Tensor:
    """Return the attention's output (1, T, heads, d) for query (1, heads, T, d) and key, value (1, kv_heads, T, d).

    A training on a processor makes all products but the scores in ``numbers``, where they are given.
    """
    out: Tensor
    if query.is_cpu and query.dtype == torch.float32 and query.requires_grad:
        out = InPieces.apply(query, key, value, pack, scaling, numbers or query.dtype)  # type: ignore[no-untyped-call]
        return out.transpose(1, 2)
    if query.is_cpu and _forward:
        out = _InParts.apply(query, key, value, pack, scaling)  # type: ignore[no-untyped-call]
        return out.transpose(1, 2)
    return attend_masked(query, key, value, pack, scaling)


def attend_masked(
    query: Tensor, key: Tensor, value: Tensor, pack: Laid, scaling: float, numbers: torch.dtype | None = None
) -> Tensor:
    """Return the same, computed with a mask, in the numbers that the query has."""
    p, groups, n = pack.n_shared, query.shape[1] // key.shape[1], len(pack.square)
    shared = [] if p == 0 else [
        dot(query[:, :, :p], key[:, :, :p], value[:, :, :p], is_causal=True, scale=scaling, enable_gqa=groups > 1)
    ]  # fmt: skip
    begun_key, begun_value = (x[:, :, :p].expand(n, -1, -1, -1) for x in (key, value))
    sees = pack.sees.repeat(groups, 1)
    out = attend_rests(query, key, value, pack.square, begun_key, begun_value, sees, scaling)[pack.line]
    return torch.cat([*(x[0].transpose(0, 1) for x in shared), out]).unsqueeze(0)


def attend_rests(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    square: Tensor,
    begun_key: Tensor,
    begun_value: Tensor,
    sees: Tensor,
    scaling: float,
) -> Tensor:
    """Return the output (n * L, heads, d) of rests that stand in T at ``square`` (n, L).

    Each attends to a beginning, ``begun_key`` and ``begun_value`` (n, kv_heads, p, d), and to itself, as ``sees``
    (…, groups * L, p + L) says: the heads that share keys stand one behind the other as more queries, so keys are
    never repeated for them.
    """
    (n, width), heads, d, kv_heads = square.shape, query.shape[1], query.shape[3], key.shape[1]
    q = query[0][:, square].view(kv_heads, -1, n, width, d)
    q = q.permute(2, 0, 1, 3, 4).reshape(n, kv_heads, -1, d)
    k, v = (
        torch.cat([begun, x[0][:, square].transpose(0, 1)], dim=2)
        for begun, x in ((begun_key, key), (begun_value, value))
    )
    out = with_mask(q, k, v, sees, scaling).view(n, kv_heads, -1, width, d)
    return out.permute(0, 3, 1, 2, 4).reshape(n * width, heads, d)


def with_mask(query: Tensor, key: Tensor, value: Tensor, sees: Tensor, scaling: float) -> Tensor:
    """Return attention with a mask that is added, as torch's own has it; the scores and their sum are in float32."""
    out: Tensor = _WithMask.apply(query, key, value, sees, scaling)  # type: ignore[no-untyped-call]
    return out


class _WithMask(torch.autograd.Function):
    """The weights are made again on the way back: kept, they would be most of what a training keeps."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, sees: Tensor, scaling: float) -> Tensor:
        ctx.save_for_backward(query, key, value, sees)
        ctx.scaling = scaling
        return _weights(query, key, sees, scaling).to(value.dtype) @ value

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, sees = ctx.saved_tensors
        given = gradients[0]
        weights = _weights(query, key, sees, ctx.scaling)
        to_value = weights.to(value.dtype).transpose(2, 3) @ given
        to_weights = (given @ value.transpose(2, 3)).float()
        to_scores = torch._softmax_backward_data(to_weights, weights, -1, torch.float32).mul_(ctx.scaling)
        to_scores = to_scores.to(query.dtype)
        return to_scores @ key, to_scores.transpose(2, 3) @ query, to_value, None, None


def _weights(query: Tensor, key: Tensor, sees: Tensor, scaling: float) -> Tensor:
    # A score rounded to bfloat16 is off by a tenth, and so is its weight.
    return (query.float() @ key.float().transpose(2, 3)).mul_(scaling).add_(sees).softmax(-1)


def shared_part(query: Tensor, key: Tensor, value: Tensor, scaling: float) -> tuple[Tensor, Tensor]:
    """Attend with one token of each of B rows, query (1, heads, B, d), to keys that all see, (1, kv_heads, n, d).

    Returns (B, kv_heads, groups, d) and the log-sum-exp, float32 (B, kv_heads, groups, 1).
    """
    heads, rows, kv_heads = query.shape[1], query.shape[2], key.shape[1]
    stacked = _stacked(query, heads // kv_heads)
    if query.is_cpu and _forward:
        out, sums = _forward(stacked, key, value, 0.0, False, scale=scaling)
    else:
        scores = stacked.float() @ key.float().transpose(2, 3) * scaling
        sums = scores.logsumexp(-1)
        out = scores.softmax(-1) @ value.float()
    out, sums = (x.reshape(kv_heads, heads // kv_heads, rows, -1).permute(2, 0, 1, 3) for x in (out, sums))
    return out, sums


def joined(one: Tensor, one_sums: Tensor, other: Tensor, other_sums: Tensor) -> Tensor:
    """Return the attention over two sets of keys for the outputs and log-sum-exps over each."""
    sums = torch.logaddexp(one_sums, other_sums)
    return one * (one_sums - sums).exp() + other * (other_sums - sums).exp()


def own_cache(x: Tensor, pack: Laid, room: int) -> Tensor:
    """Return the rests' keys or values (n, kv_heads, L + room, d), padded with 0, for those of a pack."""
    square = _squared(x[:, :, pack.n_shared :], pack)
    return torch.nn.functional.pad(square, (0, 0, 0, room))


class _InParts(torch.autograd.Function):
    """The output (1, heads, T, d): of the beginning, then of the rests."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, pack: Laid, scaling: float) -> Tensor:
        p, heads = pack.n_shared, query.shape[1]
        out = query.new_empty(1, query.shape[2], heads, query.shape[3]).transpose(1, 2)
        if p:
            out[:, :, :p], _ = _forward(*_beginning(query, key, value, p), 0.0, True, scale=scaling)
        own, own_sums = _forward(*_own(query, key, value, pack), 0.0, True, scale=scaling)
        rest, sums = _lined(own, pack), _lined(own_sums[..., None], pack)
        if p:
            far, far_sums = _forward(*_far(query, key, value, p), 0.0, False, scale=scaling)
            rest = joined(rest, sums, far.reshape(rest.shape), far_sums.reshape(1, heads, -1, 1))
        out[:, :, p:] = rest
        ctx.save_for_backward(query, key, value)
        ctx.pack, ctx.scaling = pack, scaling
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value = ctx.saved_tensors
        return *back(query, key, value, gradients[0], ctx.pack, ctx.scaling, query.dtype), None, None


def _beginning(query: Tensor, key: Tensor, value: Tensor, p: int) -> tuple[Tensor, Tensor, Tensor]:
    groups = query.shape[1] // key.shape[1]
    key, value = (x[:, :, :p].repeat_interleave(groups, 1) for x in (key, value))
    return query[:, :, :p], key, value


def _far(query: Tensor, key: Tensor, value: Tensor, p: int) -> tuple[Tensor, Tensor, Tensor]:
    return _stacked(query[:, :, p:], query.shape[1] // key.shape[1]), key[:, :, :p], value[:, :, :p]


def _own(query: Tensor, key: Tensor, value: Tensor, pack: Laid) -> tuple[Tensor, Tensor, Tensor]:
    groups, p = query.shape[1] // key.shape[1], pack.n_shared
    key, value = (_squared(x[:, :, p:], pack).repeat_interleave(groups, 1) for x in (key, value))
    return _squared(query[:, :, p:], pack), key, value


def _stacked(x: Tensor, groups: int) -> Tensor:
    """Return (1, kv_heads, groups * R, d) for x (1, heads, R, d)."""
    _, heads, n, d = x.shape
    return x.reshape(1, heads // groups, groups * n, d)


def _squared(x: Tensor, pack: Laid) -> Tensor:
    """Return (n, heads, L, d), padded with 0, for x (1, heads, R, d)."""
    n, width = pack.square.shape
    square = x.new_zeros(n * width, x.shape[1], x.shape[3])
    square[pack.line] = x[0].transpose(0, 1)
    return square.view(n, width, *square.shape[1:]).transpose(1, 2)


def _lined(square: Tensor, pack: Laid) -> Tensor:
    """Return the way back: (1, heads, R, d) for square (n, heads, L, d)."""
    return square.transpose(1, 2).flatten(0, 1)[pack.line].transpose(0, 1)[None]
