"""LoRA on a frozen model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from spider_opt.models.torch.shared_prefix import laid, packed

if TYPE_CHECKING:
    import torch

NEEDS = ("torch",)

IDS = [[5, 6, 7, 8, 9]]


def test_it_begins_as_the_model_that_it_is_put_on(tiny: Callable[..., Any]) -> None:
    from spider_opt.models.torch.lora import add_lora

    model = tiny()
    model.set_attn_implementation("eager")
    before = model(torch.tensor(IDS)).logits
    lora = add_lora(model, rank=4, alpha=8, seed=0)
    torch.testing.assert_close(model(torch.tensor(IDS)).logits, before)
    assert len(lora) == 2 * 7
    learnt = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert learnt == {f"{name}.{side}" for name in lora for side in "ab"}
    assert {weight.dtype for layer in lora.values() for weight in (layer.a, layer.b)} == {torch.float32}


@pytest.mark.parametrize(("int8", "bfloat16"), [(False, True), (True, False), (True, True)])
@pytest.mark.parametrize("rows", [2, 256])
def test_the_way_back_makes_again_what_it_does_not_keep(
    tuned: Callable[..., Any], int8: bool, bfloat16: bool, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spider_opt.models.torch import mlp
    from spider_opt.training.loss import summed_loss

    monkeypatch.setattr(mlp, "multiplies_bfloat16", lambda: bfloat16)
    monkeypatch.setattr(mlp, "_ROWS", rows)
    monkeypatch.setattr(mlp, "_MORE_ROWS", rows)
    pack = laid(packed([[5, 6, 7], [5, 6, 8, 9]], [[8, 9], [10]]))

    def learnt(as_transformers_has_it: bool) -> tuple[float, list[torch.Tensor], int]:
        """Return the loss, the gradients, and how many tensors of the MLP's width autograd keeps."""
        from transformers.models.qwen2.modeling_qwen2 import Qwen2MLP

        model, lora = tuned(int8=int8)
        if as_transformers_has_it:
            for layer in model.model.layers:
                own, layer.mlp = layer.mlp, Qwen2MLP(model.config)
                for name in ("gate_proj", "up_proj", "down_proj"):
                    setattr(layer.mlp, name, getattr(own, name))
        kept: set[int] = set()

        def keep(x: torch.Tensor) -> torch.Tensor:
            if x.numel() == pack.ids.numel() * model.config.intermediate_size:
                kept.add(x.untyped_storage().data_ptr())
            return x

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
            loss = summed_loss(model, pack)
        loss.backward()
        return loss.item(), [weight.grad for layer in lora.values() for weight in (layer.a, layer.b)], len(kept)

    loss, gradients, n_kept = learnt(False)
    expected, theirs, n_theirs = learnt(True)
    if int8 and bfloat16:
        assert loss == pytest.approx(expected, rel=0.01)
        found, wanted = (torch.cat([gradient.flatten() for gradient in some]) for some in (gradients, theirs))
        assert (found - wanted).norm() < 0.1 * wanted.norm()
    else:
        assert loss == pytest.approx(expected, rel=1e-6)
        torch.testing.assert_close(gradients, theirs, rtol=1e-4, atol=1e-5)
    assert (n_kept, n_theirs) == (2 * 2, 2 * 4)


@pytest.mark.parametrize(("dtype", "int8"), [("float32", False), ("bfloat16", False), ("float32", True)])
def test_what_learns_no_more_answers_bit_for_bit_as_before(tuned: Callable[..., Any], dtype: str, int8: bool) -> None:
    pack = laid(packed([[5, 6, 7], [5, 6, 8, 9]], [[8, 9], [10]]))
    model, lora = tuned(int8=int8)
    model.to(getattr(torch, dtype))
    for layer in lora.values():
        layer.float() if not int8 else None
        layer.base.to(getattr(torch, dtype))

    def states() -> torch.Tensor:
        with torch.no_grad():
            return model.model(
                pack.ids,
                position_ids=pack.positions,
                attention_mask={"full_attention": None},
                use_cache=False,
                pack=pack,
            ).last_hidden_state

    before = states()
    for layer in lora.values():
        layer.settle()
    assert torch.equal(states(), before)
    assert torch.equal(states(), before)


def test_a_seed_draws_the_first_weights(tiny: Callable[..., Any]) -> None:
    from spider_opt.models.torch.lora import add_lora, weights_of

    one, same, other = (weights_of(add_lora(tiny(), rank=4, alpha=8, seed=seed)) for seed in (0, 0, 1))
    for name, weight in one.items():
        assert torch.equal(weight, same[name])
        assert torch.equal(weight, other[name]) == name.endswith("lora_B.weight")


def test_weights_come_back(tuned: Callable[..., Any], tiny: Callable[..., Any]) -> None:
    from spider_opt.models.torch.lora import add_lora, take_weights, weights_of
    from spider_opt.training.loss import summed_loss

    model, lora = tuned()
    pack = laid(packed([[5, 6, 7]], [[8, 9]]))
    fresh = tiny()
    added = add_lora(fresh, rank=4, alpha=8, seed=7)
    assert summed_loss(fresh, pack) != summed_loss(model, pack)
    take_weights(added, weights_of(lora))
    assert summed_loss(fresh, pack) == summed_loss(model, pack)


def test_its_weights_stand_where_the_model_stands(tiny: Callable[..., Any]) -> None:
    from spider_opt.models.torch.lora import add_lora

    lora = add_lora(tiny().to("meta"), rank=4, alpha=8, seed=0)
    assert {weight.device.type for layer in lora.values() for weight in layer.parameters()} == {"meta"}


def test_a_model_in_bfloat16_learns_in_float32(tiny: Callable[..., Any]) -> None:
    from spider_opt.models.torch.lora import add_lora
    from spider_opt.training.loss import summed_loss

    pack = laid(packed([[5, 6, 7], [5, 6, 8, 9]], [[8, 9], [10]]))
    losses = []
    for dtype in (torch.float32, torch.bfloat16):
        model = tiny().to(dtype)
        lora = add_lora(model, rank=4, alpha=8, seed=0)
        loss = summed_loss(model, pack)
        loss.backward()
        losses.append(loss.item())
        assert {layer.b.grad.dtype for layer in lora.values()} == {torch.float32}
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


def test_in_whole_numbers_a_model_that_came_in_bfloat16_is_computed_as_one_in_float32(tiny: Callable[..., Any]) -> None:
    from spider_opt.models.torch.lora import add_lora
    from spider_opt.training.loss import summed_loss

    pack = laid(packed([[5, 6, 7], [5, 6, 8, 9]], [[8, 9], [10]]))
    losses = []
    for dtype in (torch.float32, torch.bfloat16):
        model = tiny()
        for weight in model.parameters():
            weight.data = weight.data.bfloat16().to(dtype)
        add_lora(model, rank=4, alpha=8, seed=0, int8=True)
        assert {weight.dtype for weight in model.parameters()} == {torch.float32}
        losses.append(summed_loss(model, pack).item())
    assert losses[0] == losses[1]
