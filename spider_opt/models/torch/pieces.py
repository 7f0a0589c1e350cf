"""Attention over a pack in a training on a processor, a few queries at a time.

A piece is some queries that follow each other, of the shared beginning or of one rest. Its keys are the tokens of the
beginning before it, which all its queries see, and its own, of which each sees those up to itself. So scores are only
made where something is seen, they are still in the processor's caches when they are used, the heads that share keys
are one product, and on the way back the weights are made again. torch's own attention for processors takes longer,
most of all on the way back where keys are few.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from spider_opt.models.torch.shared_prefix import Laid

_QUERIES = 128
"""Queries of the beginning that are one piece."""


class Piece(NamedTuple):
    """Queries ``start`` to ``end`` of a pack, and how many of its first tokens all of them see."""

    start: int
    end: int
    before: int


def pieces(pack: Laid) -> Iterator[Piece]:
    """Yield the pieces of a pack, in its order; a rest is one piece."""
    p = pack.n_shared
    for start in range(0, p, _QUERIES):
        yield Piece(start, min(p, start + _QUERIES), start)
    end = p
    for row in pack.ends:
        yield Piece(end, row, p)
        end = row


class InPieces(torch.autograd.Function):
    """The output (1, heads, T, d) for query (1, heads, T, d) and key, value (1, kv_heads, T, d) in float32.

    Scores are made in float32, all other products in the ``numbers`` that are given.
    """

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, pack: Laid, scaling: float, numbers: torch.dtype
    ) -> Tensor:
        """Return the output; the weights are not kept."""
        out = query.new_empty(1, query.shape[2], query.shape[1], query.shape[3]).transpose(1, 2)
        ctx.save_for_backward(query, key, value)
        ctx.pack, ctx.scaling, ctx.numbers = pack, scaling, numbers
        cast = value.to(numbers)
        for piece in pieces(pack):
            weights = _weights(_queries(query, key, piece), _keys(key, piece), piece, scaling)
            _put(out, piece, torch.bmm(weights.to(numbers), _keys(cast, piece)))
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of query, key and value."""
        query, key, value = ctx.saved_tensors
        found = back(query, key, value, gradients[0], ctx.pack, ctx.scaling, ctx.numbers)
        return *found, None, None, None


def back(
    query: Tensor, key: Tensor, value: Tensor, given: Tensor, pack: Laid, scaling: float, numbers: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of query, key and value for that of the output (1, heads, T, d)."""
    to_query = torch.empty_like(query)
    to_key, to_value = (torch.zeros_like(x, dtype=torch.float32) for x in (key, value))
    given, cast_query, cast_key, cast_value = (x.to(numbers) for x in (given, query, key, value))
    for piece in pieces(pack):
        own = _queries(given, key, piece)
        weights = _weights(_queries(query, key, piece), _keys(key, piece), piece, scaling).to(numbers)
        _add(to_value, piece, torch.bmm(weights.transpose(1, 2), own))
        to_weights = torch.bmm(own, _keys(cast_value, piece).transpose(1, 2))
        to_scores = torch._softmax_backward_data(to_weights, weights, -1, numbers)
        _put(to_query, piece, torch.bmm(to_scores, _keys(cast_key, piece)))
        _add(to_key, piece, torch.bmm(to_scores.transpose(1, 2), _queries(cast_query, key, piece)))
    return to_query.mul_(scaling), to_key.mul_(scaling).to(key.dtype), to_value.to(value.dtype)


def _weights(query: Tensor, key: Tensor, piece: Piece, scaling: float) -> Tensor:
    """Return each query's weights, float32 (kv_heads, groups * L, before + L), 0 for what it does not see."""
    width = piece.end - piece.start
    # A score rounded to bfloat16 is off by a tenth, and so is its weight.
    scores = torch.bmm(query.float() * scaling, key.float().transpose(1, 2))
    ahead = torch.full((width, width), float("-inf")).triu_(1)
    scores.view(len(query), -1, width, key.shape[1])[..., piece.before :] += ahead
    return scores.softmax(-1)


def _queries(x: Tensor, key: Tensor, piece: Piece) -> Tensor:
    """Return a piece of x (1, heads, T, d) as (kv_heads, groups * L, d)."""
    return x[0, :, piece.start : piece.end].reshape(key.shape[1], -1, x.shape[3])


def _put(into: Tensor, piece: Piece, x: Tensor) -> None:
    into[0, :, piece.start : piece.end] = x.view(into.shape[1], -1, into.shape[3])


def _keys(x: Tensor, piece: Piece) -> Tensor:
    """Return what a piece sees of x (1, kv_heads, T, d): (kv_heads, before + L, d)."""
    if piece.before == piece.start:
        return x[0, :, : piece.end]
    return torch.cat([x[0, :, : piece.before], x[0, :, piece.start : piece.end]], dim=1)


def _add(into: Tensor, piece: Piece, x: Tensor) -> None:
    into[0, :, : piece.before] += x[:, : piece.before]
    into[0, :, piece.start : piece.end] += x[:, piece.before :]
