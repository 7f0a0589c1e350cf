"""The mean of adapters: exactly what it says, and refused where it would mean nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from spider_opt.errors import UsageError, WeightsError
from spider_opt.models.adapters import CARD, FILE, Adapter, find_adapter, read_adapter, write_learnt
from spider_opt.models.torch.gguf import read_gguf, write_adapter
from spider_opt.training.merging import merge

if TYPE_CHECKING:
    import torch

NEEDS = ("torch", "transformers", "gguf")
LAYERS = [f"base_model.model.model.layers.{i}.self_attn.{name}_proj" for i in range(2) for name in "qv"]
SIZES = {"q": (64, 64), "v": (32, 64)}

Make = Callable[..., Adapter]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes adapters of random weights, among those of this machine; ``card`` changes the card."""
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path))

    def made(name: str, *, seed: int = 0, rank: int = 4, alpha: float = 8.0, **card: Any) -> Adapter:
        generator = torch.Generator().manual_seed(seed)
        weights = {}
        for layer in LAYERS:
            n_out, n_in = SIZES[layer[-6]]
            weights[f"{layer}.lora_A.weight"] = torch.randn(rank, n_in, generator=generator)
            weights[f"{layer}.lora_B.weight"] = torch.randn(n_out, rank, generator=generator)
        folder = tmp_path / "adapters" / name
        folder.mkdir(parents=True)
        sha256 = write_adapter(folder, weights, base="tiny", architecture="qwen2", rank=rank, alpha=alpha)
        said = {
            "sha256": sha256,
            "base": {"name": "tiny", "sha256": "a" * 64},
            "look": {"values": 2},
            "target": "plain",
            "data": {"source": "own", "questions": 7, "share": 0.7},
        }
        (folder / CARD).write_text(json.dumps(said | card))
        return read_adapter(folder)

    return made


def learnt(adapter: Adapter) -> dict[str, torch.Tensor]:
    """Return by layer what an adapter adds to the weights, by multiplying it out."""
    assert adapter.path is not None
    weights, alpha, rank, _ = read_gguf(adapter.path)
    return {
        layer: alpha / rank * weights[f"{layer}.lora_B.weight"] @ weights[f"{layer}.lora_A.weight"] for layer in LAYERS
    }


def close(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether both are alike but for what rounding to 16 bits leaves."""
    return float((one - other).norm() / other.norm()) < 2e-3


def test_of_a_rank_that_holds_it_the_mean_is_exact(make: Make, tmp_path: Path) -> None:
    one, other = make("one", seed=1, rank=4, alpha=8.0), make("other", seed=2, rank=3, alpha=1.5)
    card = merge([(one, 3.0), (other, 1.0)], tmp_path / "adapters" / "both", rank=7)
    assert card["kept"] == 1.0
    both = learnt(find_adapter("both"))
    first, second = learnt(one), learnt(other)
    for layer in LAYERS:
        assert close(both[layer], 0.75 * first[layer] + 0.25 * second[layer]), layer


def test_the_mean_of_what_is_the_same_is_that(make: Make, tmp_path: Path) -> None:
    one, same = make("one"), make("same")
    card = merge([(one, 1.0), (same, 1.0)], tmp_path / "adapters" / "both")
    assert (card["kept"], card["settings"]) == (1.0, {"rank": 4, "alpha": 8.0})
    for layer, weight in learnt(find_adapter("both")).items():
        assert close(weight, learnt(one)[layer]), layer


def test_cut_back_it_is_the_closest_of_its_rank(make: Make, tmp_path: Path) -> None:
    one, other = make("one", seed=1, rank=2), make("other", seed=2, rank=4)
    card = merge([(one, 1.0), (other, 1.0)], tmp_path / "adapters" / "both")
    assert card["settings"]["rank"] == 4
    first, second, both = learnt(one), learnt(other), learnt(find_adapter("both"))
    kept = whole = 0.0
    for layer in LAYERS:
        u, s, v = torch.linalg.svd((first[layer] + second[layer]) / 2)
        assert close(both[layer], u[:, :4] * s[:4] @ v[:4]), layer
        kept, whole = kept + float((s[:4] ** 2).sum()), whole + float((s**2).sum())
    assert 0.5 < kept / whole < 0.99
    assert card["kept"] == pytest.approx(kept / whole, abs=2e-3)


def test_a_rank_that_nothing_fills(make: Make, tmp_path: Path) -> None:
    one, other = make("one", seed=1), make("other", seed=2)
    merge([(one, 1.0), (other, 1.0)], tmp_path / "adapters" / "both", rank=48)
    file = find_adapter("both").path
    assert file is not None
    assert read_gguf(file).rank == 48
    first, second = learnt(one), learnt(other)
    for layer, weight in learnt(find_adapter("both")).items():
        assert close(weight, (first[layer] + second[layer]) / 2), layer


def test_the_card_has_the_cards_of_the_parts(make: Make, tmp_path: Path) -> None:
    one = make("one", seed=1, training={"examples": 5})
    other = make("other", seed=2, data={"source": "spider train", "questions": 7, "share": 0.5})
    third = make("third", seed=3, data=None)
    card = merge([(one, 1.0), (other, 3.0)], tmp_path / "adapters" / "both")
    assert card == find_adapter("both").card
    assert card["merged"] == [{"share": 0.25, "card": one.card}, {"share": 0.75, "card": other.card}]
    assert card["data"] == {"questions": 7, "source": "own, spider train"}
    assert (card["base"], card["look"], card["target"]) == tuple(one.card[key] for key in ("base", "look", "target"))
    assert merge([(third, 1.0), (one, 1.0)], tmp_path / "adapters" / "more")["data"] == {"source": "own"}
    assert {file.name for file in (tmp_path / "adapters" / "both").iterdir()} == {FILE, CARD, "peft"}


def test_it_learnt_what_its_parts_learnt_or_does_not_say(make: Make, tmp_path: Path) -> None:
    one, other = make("one", seed=1, data={"db_ids": ["b", "a"]}), make("other", seed=2, data={"db_ids": ["c", "a"]})
    silent = make("silent", seed=3)
    for adapter, questions in ((one, "0a"), (other, "1b")):
        write_learnt(adapter.folder, frozenset([questions]))
    assert merge([(one, 1.0), (other, 1.0)], tmp_path / "adapters" / "both")["data"] == {"db_ids": ["a", "b", "c"]}
    both = find_adapter("both")
    assert (both.learnt_databases, both.learnt_questions) == ({"a", "b", "c"}, {"0a", "1b"})
    merge([(one, 1.0), (silent, 1.0)], tmp_path / "adapters" / "half")
    half = find_adapter("half")
    assert (half.learnt_databases, half.learnt_questions) == (None, None)


@pytest.mark.parametrize(
    ("card", "sentence"),
    [
        ({"base": {"name": "other", "sha256": "b" * 64}}, "'one' and 'odd' tune other models"),
        ({"look": {"values": 0}}, "'one' and 'odd' are asked in other words"),
        ({"target": "from-first"}, "'one' and 'odd' answer otherwise"),
        ({"base_url": "https://x/v1"}, "'odd' was tuned at a provider"),
    ],
)
def test_what_was_not_tuned_alike_is_refused(make: Make, tmp_path: Path, card: dict[str, Any], sentence: str) -> None:
    one, odd = make("one"), make("odd", **card)
    for parts in ([(one, 1.0), (odd, 1.0)], [(one, 1.0), (one, 1.0), (odd, 1.0)]):
        with pytest.raises(UsageError, match=sentence):
            merge(parts, tmp_path / "adapters" / "both")
    assert not (tmp_path / "adapters" / "both").exists()


def test_a_file_that_is_broken(make: Make, tmp_path: Path) -> None:
    one, other = make("one"), make("other")
    (other.folder / FILE).write_bytes(b"lora")
    with pytest.raises(WeightsError, match="is no adapter that this version can read"):
        merge([(one, 1.0), (other, 1.0)], tmp_path / "adapters" / "both")
    assert not (tmp_path / "adapters" / "both").exists()


def test_an_interrupted_merge_leaves_nothing(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    parts = [(make("one"), 1.0), (make("other", seed=1), 1.0)]
    with monkeypatch.context() as patch:
        patch.setattr("spider_opt.training.merging.write_card", interrupted)
        with pytest.raises(KeyboardInterrupt):
            merge(parts, tmp_path / "adapters" / "both")
    assert not (tmp_path / "adapters" / "both").exists()
    merge(parts, tmp_path / "adapters" / "both")
    assert find_adapter("both")


def test_a_folder_that_is_there_is_not_written_to(make: Make, tmp_path: Path) -> None:
    one, other = make("one"), make("other", seed=1)
    before = {file: file.read_bytes() for file in one.folder.rglob("*") if file.is_file()}
    with pytest.raises(FileExistsError):
        merge([(one, 1.0), (other, 1.0)], one.folder)
    assert {file: file.read_bytes() for file in one.folder.rglob("*") if file.is_file()} == before
