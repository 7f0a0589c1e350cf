"""LoRA on a frozen model, computed a pack at a time.

The base is the GGUF file that serves the answers, dequantized: what is learnt mends the very weights it stands on.
LoRA's weights are float32 whatever the base is.

Source: Hu et al. 2021 (arXiv:2106.09685).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from spider_opt.models.torch.attention import attend
from spider_opt.models.torch.int8 import Int8Linear
from spider_opt.models.torch.mlp import learning_mlp, numbers_for
from spider_opt.models.torch.shared_prefix import Laid

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class Lora(nn.Module):
    """A frozen linear layer with a low-rank change: ``base(x) + alpha / rank * x A' B'``; B begins at 0."""

    def __init__(self, base: nn.Linear | Int8Linear, rank: int, alpha: float, generator: torch.Generator) -> None:
        super().__init__()
        self.base = base
        self.scale = alpha / rank
        a = torch.empty(rank, base.in_features)
        nn.init.kaiming_uniform_(a, a=math.sqrt(5), generator=generator)
        self.a = nn.Parameter(a)
        self.b = nn.Parameter(torch.zeros(base.out_features, rank))
        self._settled: dict[torch.dtype, tuple[Tensor, Tensor]] | None = None

    def settle(self) -> None:
        """Learn no more: what is multiplied is made from the weights once, and no longer for each token."""
        self._settled = {}

    def forward(self, x: Tensor) -> Tensor:
        """Return (…, out) for x (…, in)."""
        return self._changed(self.base(x), functional.linear(x, self.made(x.dtype)[0]))

    def made(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return A with the scale in it, and B, in numbers of a type."""
        if self._settled is None:
            return (self.a * self.scale).to(dtype), self.b.to(dtype)
        if dtype not in self._settled:
            self._settled[dtype] = (self.a.detach() * self.scale).to(dtype), self.b.detach().to(dtype)
        return self._settled[dtype]

    def _changed(self, y: Tensor, low: Tensor) -> Tensor:
        y.view(-1, y.shape[-1]).addmm_(low.flatten(0, -2), self.made(y.dtype)[1].t())
        return y


class GatedMlp(nn.Module):
    """A block's MLP as transformers has it; with LoRA on ``down_proj`` a training keeps half as much of it."""

    def __init__(self, mlp: Any) -> None:
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj = mlp.gate_proj, mlp.up_proj, mlp.down_proj

    def forward(self, x: Tensor) -> Tensor:
        """Return (…, d) for x (…, d)."""
        layers = self.gate_proj, self.up_proj, self.down_proj
        if torch.is_grad_enabled() and all(isinstance(layer, Lora) for layer in layers):
            return learning_mlp(x, *layers)
        y: Tensor = self.down_proj(functional.silu(self.gate_proj(x)).mul_(self.up_proj(x)))
        return y


def add_lora(
    model: PreTrainedModel, *, rank: int, alpha: float, seed: int, int8: bool = False, learns: bool = True
) -> dict[str, Lora]:
    """Freeze a model and put LoRA on all linear layers of its blocks; return them by the layer's name.

    With ``int8`` the frozen layers, the vocabulary's too, are computed in whole numbers, and the rest in float32; a
    model that comes in bfloat16 takes less memory on the way. What is only asked and never ``learns`` takes less, too.
    """
    model.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    added = {}
    for name, layer in list(model.named_modules()):
        if name.rpartition(".")[2] in LAYERS and isinstance(layer, nn.Linear):
            base = Int8Linear(layer.weight, layer.bias, learns=learns) if int8 else layer
            added[name] = Lora(base, rank, alpha, generator).to(layer.weight.device)
            model.set_submodule(name, added[name])
    if model.config.hidden_act == "silu":
        for name, module in list(model.named_modules()):
            if {"gate_proj", "up_proj", "down_proj"} == dict(module.named_children()).keys() - {"act_fn"}:
                model.set_submodule(name, GatedMlp(module))
    if int8:
        vocabulary: Any = model.get_output_embeddings()  # type: ignore[no-untyped-call]
        # On its way back a vocabulary needs some of its rows alone.
        model.set_output_embeddings(Int8Linear(vocabulary.weight, learns=False))  # type: ignore[no-untyped-call]
        model.float()  # type: ignore[no-untyped-call]
    return added


def weights_of(lora: Mapping[str, Lora]) -> dict[str, Tensor]:
    """Return LoRA's weights under the names that PEFT gives them."""
    return {
        f"base_model.model.{name}.lora_{side}.weight": weight
        for name, layer in lora.items()
        for side, weight in (("A", layer.a), ("B", layer.b))
    }


def take_weights(lora: Mapping[str, Lora], weights: Mapping[str, Tensor]) -> None:
    """Put weights, named as by ``weights_of``, into LoRA layers."""
    with torch.no_grad():
        for name, weight in weights_of(lora).items():
            weight.copy_(weights[name])


def logits(vocabulary: nn.Linear | Int8Linear, states: Tensor) -> Tensor:
    """Return (n, vocabulary) for states (n, d), outside of autograd where the vocabulary is in whole numbers."""
    return vocabulary.times(states) if isinstance(vocabulary, Int8Linear) else states @ vocabulary.weight.t()


def attend_packed(
    module: Any, query: Tensor, key: Tensor, value: Tensor, mask: None, scaling: float, *, pack: Any, **_: object
) -> tuple[Tensor, None]:
    """Stand in for a model's attention; transformers hands the ``pack`` through: laid out, or what attends itself."""
    if isinstance(pack, Laid):
        return attend(query, key, value, pack, scaling, numbers_for(getattr(module.o_proj, "base", None), query)), None
    return pack.attend(module.layer_idx, query, key, value, scaling), None
