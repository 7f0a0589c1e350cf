"""A LoRA adapter as files: GGUF for llama.cpp, read back too, and the folder that PEFT reads.

Source: llama.cpp, ``convert_lora_to_gguf.py``, for the keys. Qwen2's rows need no other order; models that do (those
of the llama architecture) are refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from spider_opt.errors import TrainingError, WeightsError
from spider_opt.models.adapters import FILE
from spider_opt.paths import file_hash

if TYPE_CHECKING:
    from torch import Tensor

DType = Literal["float16", "q8_0"]
BLOCK = 32
"""Numbers that share a scale in Q8_0."""
MANY = 32
"""The rank from which on an adapter is written in 8 bits."""
_ARCHITECTURES = {"qwen2": "QWEN2", "qwen3": "QWEN3"}
_LAYERS = (
    *(f"self_attn.{name}_proj" for name in "qkvo"),
    *(f"mlp.{name}_proj" for name in ("gate", "up", "down")),
)


class LoraFile(NamedTuple):
    """What an adapter's file says: its ``weights`` in float32, by PEFT's names, and what it is of.

    A layer with the matrices A and B, ``rank`` rows and columns, learnt ``alpha / rank * B @ A``.
    """

    weights: dict[str, Tensor]
    alpha: float
    rank: int
    architecture: str


def write_adapter(
    folder: Path,
    weights: Mapping[str, Tensor],
    *,
    base: str,
    architecture: str,
    rank: int,
    alpha: float,
    file: str = FILE,
) -> str:
    """Write an adapter of the model ``base`` as PEFT's folder and as the GGUF ``file``; return the latter's sha256."""
    dtype: DType = "q8_0" if rank >= MANY and fits_q8_0(weights) else "float16"
    write_peft(folder / "peft", weights, base=base, rank=rank, alpha=alpha)
    write_gguf(folder / file, weights, architecture=architecture, alpha=alpha, name=folder.name, dtype=dtype)
    return file_hash(folder / file)


def check_architecture(architecture: str) -> None:
    """Make sure that adapters of models of an architecture, as transformers calls it, can be written.

    Raises:
        TrainingError: they cannot.
    """
    if architecture not in _ARCHITECTURES:
        known = ", ".join(_ARCHITECTURES)
        raise TrainingError(f"An adapter of a {architecture} model cannot be written as GGUF, only of: {known}.")


def write_gguf(
    path: Path, weights: Mapping[str, Tensor], *, architecture: str, alpha: float, name: str, dtype: DType = "float16"
) -> None:
    """Write an adapter; ``weights`` have PEFT's names, ``architecture`` is the base model's.

    In ``q8_0``, 8-bit numbers whose blocks of 32 in a row share a scale, a file has about half the size.

    Raises:
        TrainingError: adapters of this architecture cannot be written.
        ValueError: the rows are not made of such blocks, see ``fits_q8_0``.
    """
    check_architecture(architecture)
    if dtype == "q8_0" and not fits_q8_0(weights):
        raise ValueError(f"in q8_0 the length of each row must be a multiple of {BLOCK}")
    import gguf
    import numpy as np

    kind = gguf.GGMLQuantizationType.Q8_0 if dtype == "q8_0" else gguf.GGMLQuantizationType.F16
    arch = gguf.MODEL_ARCH[_ARCHITECTURES[architecture]]
    n_layers = 1 + max(int(key.partition(".layers.")[2].partition(".")[0]) for key in weights)
    names = gguf.get_tensor_name_map(arch, n_layers)
    part = path.with_name(f".{path.name}.part")
    writer = gguf.GGUFWriter(part, gguf.MODEL_ARCH_NAMES[arch])
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    writer.add_name(name)
    for key, weight in weights.items():
        layer, _, side = key.removeprefix("base_model.model.").removesuffix(".weight").rpartition(".")
        numbers = gguf.quants.quantize(weight.detach().cpu().numpy().astype(np.float32), kind)
        writer.add_tensor(f"{names.get_name(layer)}.weight.{side.lower()}", numbers, raw_dtype=kind)
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        part.replace(path)
    finally:
        with suppress(OSError):
            writer.close()
        part.unlink(missing_ok=True)


def fits_q8_0(weights: Mapping[str, Tensor]) -> bool:
    """Tell whether an adapter can be written in Q8_0: B has rows as long as the rank."""
    return all(weight.shape[-1] % BLOCK == 0 for weight in weights.values())


def read_gguf(path: Path) -> LoraFile:
    """Read an adapter that ``write_gguf`` wrote.

    Raises:
        WeightsError: it is no such file.
    """
    import gguf
    import torch

    try:
        reader = gguf.GGUFReader(path)
        alpha = float(reader.fields["adapter.lora.alpha"].contents())
        architecture = reader.fields["general.architecture"].contents()
        arch = gguf.MODEL_ARCH[_ARCHITECTURES[architecture]]
        n_layers = 1 + max(int(tensor.name.split(".")[1]) for tensor in reader.tensors)
        names = gguf.get_tensor_name_map(arch, n_layers)
        layers = [f"model.layers.{i}.{layer}" for i in range(n_layers) for layer in _LAYERS]
        known = {names.get_name(layer): layer for layer in layers}
        weights = {}
        for tensor in reader.tensors:
            layer, _, side = tensor.name.rpartition(".weight.lora_")
            numbers = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            weights[f"base_model.model.{known[layer]}.lora_{side.upper()}.weight"] = torch.tensor(numbers)
        [rank] = {weight.shape[0] for name, weight in weights.items() if ".lora_A." in name}
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise WeightsError(f"{path} is no adapter that this version can read ({error!r})") from error
    return LoraFile(weights, alpha, rank, architecture)


def write_peft(folder: Path, weights: Mapping[str, Tensor], *, base: str, rank: int, alpha: float) -> None:
    """Write the folder that ``peft.PeftModel.from_pretrained`` opens, in float32."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    part = folder / ".adapter_model.safetensors.part"
    try:
        save_file({key: weight.detach().cpu().contiguous() for key, weight in weights.items()}, part)
        part.replace(folder / "adapter_model.safetensors")
    finally:
        part.unlink(missing_ok=True)
    modules = sorted({key.removesuffix(".weight").split(".")[-2] for key in weights})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": rank,
        "lora_alpha": alpha,
        "target_modules": modules,
        "lora_dropout": 0.0,
        "bias": "none",
        "inference_mode": True,
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
