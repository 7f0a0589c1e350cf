"""Weights with adapters in them: what is written, and where it is kept."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_gguf import write_tiny_adapter

from spider_opt.errors import WeightsError
from spider_opt.models.llamacpp import merged as module
from spider_opt.models.llamacpp.merged import merged, write_merged

gguf = pytest.importorskip("gguf")


def tensors(path: Path) -> dict[str, Any]:
    return {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}


def numbers(tensor: Any) -> Any:
    return gguf.quants.dequantize(tensor.data, tensor.tensor_type)


# --- what is written ---------------------------------------------------------------------------
def test_the_matrices_are_those_of_weights_and_adapters(tiny: Path, adapter: Path, tmp_path: Path) -> None:
    other = write_tiny_adapter(tmp_path / "other.gguf", seed=1, layers=1)
    write_merged(tmp_path / "merged.gguf", tiny, [adapter, other])
    before, after = tensors(tiny), tensors(tmp_path / "merged.gguf")
    assert list(after) == list(before)
    learnt = [tensors(adapter), tensors(other)]
    for name, tensor in before.items():
        wanted = numbers(tensor)
        for each in learnt:
            if f"{name}.lora_a" in each:
                wanted = wanted + 2 * numbers(each[f"{name}.lora_b"]) @ numbers(each[f"{name}.lora_a"])
        kind = after[name].tensor_type.name
        assert kind == ("Q8_0" if wanted.ndim == 2 and name != "token_embd.weight" else "F32")
        step = np.abs(wanted).max() / 127 if kind == "Q8_0" else 0
        assert np.abs(numbers(after[name]) - wanted).max() <= step, name
    assert np.abs(numbers(after["blk.1.ffn_up.weight"]) - numbers(before["blk.1.ffn_up.weight"])).max() > 0.5


def test_all_that_is_said_of_the_weights_is_kept(tiny: Path, adapter: Path, tmp_path: Path) -> None:
    write_merged(tmp_path / "merged.gguf", tiny, [adapter])

    def said(path: Path) -> dict[str, Any]:
        fields = gguf.GGUFReader(path).fields
        return {name: field.contents() for name, field in fields.items() if not name.startswith("GGUF.")}

    assert said(tmp_path / "merged.gguf") == said(tiny)


# --- where it is kept --------------------------------------------------------------------------
def test_it_is_written_once(tiny: Path, adapter: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []
    write = module.write_merged
    monkeypatch.setattr(module, "write_merged", lambda path, *of: (written.append(path), write(path, *of)))
    path = merged(tiny, [adapter])
    assert merged(tiny, [adapter]) == path
    assert len(written) == 1
    assert path.parent == cache / "merged"
    path.write_bytes(path.read_bytes()[:-7])  # cut off
    assert merged(tiny, [adapter]) == path
    assert len(written) == 2
    (path.parent / f".{path.name}.part").write_bytes(b"what a kill left")
    path.with_suffix(".written").unlink()
    assert merged(tiny, [adapter]) == path
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name, path.with_suffix(".written").name]


def test_only_those_used_last_are_kept(tiny: Path, cache: Path, tmp_path: Path) -> None:
    of = [write_tiny_adapter(tmp_path / f"{i}.gguf", seed=i) for i in range(module.KEPT + 1)]
    made = []
    for i, each in enumerate(of):
        made.append(merged(tiny, [each]))
        if i == module.KEPT - 1:
            assert merged(tiny, [of[0]]) == made[0]
    assert len(set(made)) == len(of)
    assert [path.exists() for path in made] == [True, False, *[True] * (module.KEPT - 1)]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("weights", "is no GGUF file, or a broken one"),
        ("adapter", "is no GGUF file, or a broken one"),
        ("missing adapter", "No weights at"),
        ("adapter of others", "is for other weights: these have no blk.2.attn_q.weight"),
        ("no adapter", "is no LoRA adapter"),
    ],
)
def test_files_that_are_none(tiny: Path, adapter: Path, cache: Path, tmp_path: Path, broken: str, said: str) -> None:
    odd = tmp_path / "odd.gguf"
    if broken in ("weights", "adapter"):
        odd.write_text("no weights")
    elif broken == "adapter of others":
        write_tiny_adapter(odd, layers=3)
    elif broken == "no adapter":
        odd = tiny
    with pytest.raises(WeightsError, match=said):
        merged(odd if broken == "weights" else tiny, [adapter if broken == "weights" else odd])
    assert not any((cache / "merged").glob("*"))


def test_a_disk_without_room(tiny: Path, adapter: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(path: Path, *_: object) -> None:
        path.write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "write_merged", write)
    with pytest.raises(WeightsError, match=r"No space left on device\); make room there, or set SPIDER_OPT_CACHE"):
        merged(tiny, [adapter])
    assert not any((cache / "merged").glob("*"))


def test_an_adapter_that_is_replaced_while_it_is_put_in(
    tiny: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept under its name would have another's numbers."""
    adapter = write_tiny_adapter(tmp_path / "adapter.gguf")

    def late(*given: Any) -> None:
        write_tiny_adapter(adapter, seed=1)
        write_merged(*given)

    monkeypatch.setattr(module, "write_merged", late)
    with pytest.raises(WeightsError, match="was replaced while it was read: ask again"):
        merged(tiny, [adapter])
    assert not any((cache / "merged").glob("*"))
