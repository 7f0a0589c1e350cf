"""The loss of packs and its gradient: over the answers' tokens alone, a frozen vocabulary's logits made in pieces.

Source: the fused loss after Hsu et al. 2024 (Liger kernel, arXiv:2410.10989).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from spider_opt.models.torch.int8 import Int8Linear
from spider_opt.models.torch.shared_prefix import Laid
from spider_opt.models.torch.together import Together

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_ROWS = 256
"""Tokens whose logits are made at once; fewer are multiplied slowly."""
_MORE_ROWS = 2048
"""The same on a GPU, where each step costs more than what it computes."""
_UNLIKELY = 1e-6
_TOKENS = 4096
"""Tokens of the vocabulary whose weights are taken at once on the way back."""
# Large buffers that are made anew are handed out by the system page by page, and cleared.
_ROOMS: dict[str, Any] = {}


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
        n = _rows(states)
        for i in range(0, len(states), n):
            some, target = states[i : i + n], targets[i : i + n, None]
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
            gradient[i : i + n] = _to_states(chances.div_(sums), target, vocabulary, states.dtype)
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
    if not chances.is_cpu and not isinstance(vocabulary, Int8Linear):
        # What is left out saves nothing there, and to find it out the processor would have to wait.
        return _error(chances, target).to(dtype) @ vocabulary.weight
    likely = _likely(chances, target)
    error = _error(chances, target)
    gradient = torch.zeros(len(error), vocabulary.in_features, dtype=torch.float32, device=error.device)
    for some in (slice(j, j + _TOKENS) for j in range(0, error.shape[1], _TOKENS)) if likely is None else likely:
        if isinstance(vocabulary, Int8Linear):
            gradient += error[:, some] @ vocabulary.rows(some)
        else:
            gradient += error[:, some].to(dtype) @ vocabulary.weight[some]
    return gradient


def _error(chances: Tensor, target: Tensor) -> Tensor:
    return chances.scatter_add_(1, target, chances.new_full((1, 1), -1.0).expand(len(target), 1))


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


def _rows(states: Tensor) -> int:
    return _ROWS if states.is_cpu else _MORE_ROWS


def _room(states: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Return room for the logits of some tokens, in the model's numbers and in float32; the same each time."""
    kind = (states.dtype, states.device, n)
    if _ROOMS.get("kind") != kind:
        _ROOMS.clear()
        rows = _rows(states)
        _ROOMS["room"] = states.new_empty(rows, n), states.new_empty(rows, n, dtype=torch.float32)
        _ROOMS["kind"] = kind
    room: tuple[Tensor, Tensor] = _ROOMS["room"]
    return room
