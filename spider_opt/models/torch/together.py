"""Packs one behind the other, which a GPU computes at once.

Asked pack by pack it waits for the processor. So the packs of a step are one sequence, and all their beginnings attend
at once, and all their rests: torch is called as often for many packs as for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention as dot

from spider_opt.models.torch.attention import attend_rests
from spider_opt.models.torch.shared_prefix import Laid


@dataclass(frozen=True, slots=True)
class Together:
    """P packs with N rests, T tokens in all, the longest beginning p and the longest rest L of them long.

    ``ids`` … ``targets`` as those of one pack. ``begun`` (P, p) and ``square`` (N, L), int64, say where in T the tokens
    of each beginning and of each rest stand, padded with others of the same pack; ``owner`` (N,) whose each rest is,
    ``sees`` (N, 1, L, p + L) float32 what its tokens attend to, as of one pack; ``back`` (T,) the way back from the
    flattened ``begun`` and ``square``.
    """

    ids: Tensor
    positions: Tensor
    predicts: Tensor
    targets: Tensor
    begun: Tensor
    square: Tensor
    owner: Tensor
    sees: Tensor
    back: Tensor
    _for_groups: dict[int, Tensor] = field(default_factory=dict, init=False)

    def to(self, device: torch.device) -> Together:
        """Return it on another device."""
        tensors = (x for one in fields(self) if isinstance(x := getattr(self, one.name), Tensor))
        return Together(*(x.to(device, non_blocking=True) for x in tensors))

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """Return the attention's output (1, T, heads, d), each pack's its own; see ``models.torch.attention``."""
        groups, p = query.shape[1] // key.shape[1], self.begun.shape[1]
        begun_query, begun_key, begun_value = (x[0][:, self.begun].transpose(0, 1) for x in (query, key, value))
        parts = []
        if p:
            out = dot(begun_query, begun_key, begun_value, is_causal=True, scale=scaling, enable_gqa=groups > 1)
            parts.append(out.transpose(1, 2).flatten(0, 1))
        keys, values = begun_key[self.owner], begun_value[self.owner]
        parts.append(attend_rests(query, key, value, self.square, keys, values, self._sees(groups), scaling))
        return torch.cat(parts)[self.back].unsqueeze(0)

    def _sees(self, groups: int) -> Tensor:
        """Return what so many heads of one key see; the same for all layers, which keep it for the way back."""
        if groups not in self._for_groups:
            self._for_groups[groups] = self.sees.repeat(1, 1, groups, 1)
        return self._for_groups[groups]


def together(packs: Sequence[Laid]) -> Together:
    """Lay packs, laid out on the processor, one behind the other."""
    starts = [0, *accumulate(pack.ids.shape[1] for pack in packs)]
    p, width = max(pack.n_shared for pack in packs), max(pack.square.shape[1] for pack in packs)
    begun: list[Tensor] = []
    squares: list[Tensor] = []
    sees: list[Tensor] = []
    owner: list[int] = []
    back: list[Tensor] = []
    for i, (pack, start) in enumerate(zip(packs, starts, strict=False)):
        rows, own = pack.square.shape
        each = torch.arange(pack.n_shared)
        begun.append(_padded(each + start, p, start))
        squares.append(_padded(pack.square + start, width, start))
        shared = _padded(pack.sees[:, : pack.n_shared], p, float("-inf"))
        among = torch.full((width, width), float("-inf")).triu(1)
        sees.append(torch.cat([shared[:1].expand(width, -1), among], dim=1).expand(rows, 1, -1, -1))
        row, column = pack.line // own, pack.line % own
        back += [each + i * p, len(packs) * p + (row + len(owner)) * width + column]
        owner += [i] * rows
    return Together(
        torch.cat([pack.ids for pack in packs], dim=1),
        torch.cat([pack.positions for pack in packs], dim=1),
        torch.cat([pack.predicts + start for pack, start in zip(packs, starts, strict=False)]),
        torch.cat([pack.targets for pack in packs]),
        torch.stack(begun),
        torch.cat(squares),
        torch.tensor(owner),
        torch.cat(sees),
        torch.cat(back),
    )


def _padded(x: Tensor, width: int, value: Any) -> Tensor:
    return torch.nn.functional.pad(x, (0, width - x.shape[-1]), value=value)
