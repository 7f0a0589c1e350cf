"""The loss of packs and its gradient: over the answers' tokens alone, a frozen vocabulary's logits made in pieces.

Source: the fused loss after Hsu et al. 2024 (Liger kernel, arXiv:2410.10989).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from spider_opt.models.torch.attention import attend
from spider_opt.models.torch.int8 import Int8Linear
from spider_opt.models.torch.shared_prefix import Laid

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_ROWS = 256
"""Tokens whose logits are made at once; fewer are multiplied slowly."""
_UNLIKELY = 1e-6
_TOKENS = 4096
"""Tokens of the vocabulary whose weights are taken at once on the way back."""
# Large buffers that are made anew are handed out by the system page by page, and cleared.
_ROOMS: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Together:
    """Packs laid out one behind the other, which a GPU computes at once; ``ids`` … ``targets`` as those of one."""

    packs: tuple[Laid, ...]
    ids: Tensor
    positions: Tensor
    predicts: Tensor
    targets: Tensor

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """Return the attention's output (1, T, heads, d), each pack's its own; see ``models.torch.attention``."""
        sizes = [one.ids.shape[1] for one in self.packs]
        parts = zip(*(torch.split(x, sizes, dim=2) for x in (query, key, value)), self.packs, strict=True)
        return torch.cat([attend(q, k, v, one, scaling) for q, k, v, one in parts], dim=1)


def together(packs: Sequence[Laid]) -> Together:
    """Lay packs one behind the other."""
    ends = list(accumulate((pack.ids.shape[1] for pack in packs), initial=0))
    return Together(
        tuple(packs),
        torch.cat([pack.ids for pack in packs], dim=1),
        torch.cat([pack.positions for pack in packs], dim=1),
        torch.cat([pack.predicts + end for pack, end in zip(packs, ends, strict=False)]),
        torch.cat([pack.targets for pack in packs]),
    )


def summed_loss(model: PreTrainedModel, pack: Laid | Together) -> Tensor:
    """Return the cross entropy of the answer tokens of a pack, or of several, summed, with its gradient."""
    states = model.model(
        pack.ids, position_ids=pack.positions, attention_mask={"full_attention": None}, use_cache=False, pack=pack
    ).last_hidden_state[0]
    vocabulary = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    loss: Tensor = _SummedCrossEntropy.apply(  # type: ignore[no-untyped-call]
        states[pack.predicts], vocabulary, pack.targets
    )
    return loss


class _SummedCrossEntropy(torch.autograd.Function):
    """Cross entropy of a frozen vocabulary: the logits of some tokens at a time, their gradient made at once."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, vocabulary: nn.Linear | Int8Linear, targets: Tensor) -> Tensor:
        total = torch.zeros((), dtype=torch.float32, device=states.device)
        gradient = torch.empty_like(states) if ctx.needs_input_grad[0] else None
        for i in range(0, len(states), _ROWS):
            some, target = states[i : i + _ROWS], targets[i : i + _ROWS, None]
            room = _room(states, vocabulary.out_features)
            scores, chances = (part[: len(some)] for part in room)
            if isinstance(vocabulary, Int8Linear):
                vocabulary.times(some, out=chances)
            else:
                torch.mm(some, vocabulary.weight.t(), out=scores)
                chances.copy_(scores)
            chances -= chances.amax(-1, keepdim=True)
            wanted = chances.gather(1, target)
            sums = chances.exp_().sum(-1, keepdim=True)
            total += (sums.log() - wanted).sum()
            if gradient is None:
                continue
            gradient[i : i + _ROWS] = _to_states(chances.div_(sums), target, vocabulary, states.dtype)
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * grads[0].to(gradient.dtype), None, None


def _to_states(chances: Tensor, target: Tensor, vocabulary: nn.Linear | Int8Linear, dtype: torch.dtype) -> Tensor:
    """Return the gradient of states (n, d) whose tokens have ``chances`` (n, vocabulary), which are used up.

    Most tokens are next to impossible at all of the n places and left out: together they are at most a 200th of all
    that the chances are wrong by, most often a 500th, less than bfloat16 or whole numbers round away.
    """
    likely = _likely(chances, target)
    error = chances.scatter_add_(1, target, chances.new_full((1, 1), -1.0).expand(len(target), 1))
    gradient = torch.zeros(len(error), vocabulary.in_features, dtype=torch.float32, device=error.device)
    for some in (slice(j, j + _TOKENS) for j in range(0, error.shape[1], _TOKENS)) if likely is None else likely:
        if isinstance(vocabulary, Int8Linear):
            gradient += error[:, some] @ vocabulary.rows(some)
        else:
            gradient += error[:, some].to(dtype) @ vocabulary.weight[some]
    return gradient


def _likely(chances: Tensor, target: Tensor) -> Sequence[Tensor] | None:
    """Return the tokens that are likely at one place, or wanted, None where that would leave out too much."""
    kept = chances.amax(0) > _UNLIKELY
    kept[target] = True
    likely = kept.nonzero()[:, 0]
    if len(likely) > chances.shape[1] // 4:
        return None
    pieces = torch.split(likely, _TOKENS)
    left_out = len(chances) - sum(chances[:, some].sum() for some in pieces)
    wrong = (1 - chances.gather(1, target)).sum()
    return pieces if left_out <= wrong * 5e-3 + len(chances) * 1e-5 else None


def _room(states: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Return room for the logits of some tokens, in the model's numbers and in float32; the same each time."""
    kind = (states.dtype, states.device, n)
    if _ROOMS.get("kind") != kind:
        _ROOMS.clear()
        _ROOMS["room"] = states.new_empty(_ROWS, n), states.new_empty(_ROWS, n, dtype=torch.float32)
        _ROOMS["kind"] = kind
    room: tuple[Tensor, Tensor] = _ROOMS["room"]
    return room
