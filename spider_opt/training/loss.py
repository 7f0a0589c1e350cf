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
from spider_opt.models.torch.lora import logits
from spider_opt.models.torch.shared_prefix import Laid

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# With more rows at once the logits are so large that the system hands their memory out anew each time.
_CHUNK = 48


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
        for i in range(0, len(states), _CHUNK):
            some, target = states[i : i + _CHUNK], targets[i : i + _CHUNK]
            chances = logits(vocabulary, some).float().log_softmax(-1)
            total -= chances.gather(1, target[:, None]).sum()
            if gradient is None:
                continue
            error = chances.exp_()
            error[torch.arange(len(target)), target] -= 1
            if isinstance(vocabulary, Int8Linear):
                gradient[i : i + _CHUNK] = vocabulary.times_back(error)
            else:
                gradient[i : i + _CHUNK] = error.to(states.dtype) @ vocabulary.weight
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * grads[0].to(gradient.dtype), None, None
