"""A LoRA adapter as files: GGUF for llama.cpp, and the folder that PEFT reads.

Source: llama.cpp, ``convert_lora_to_gguf.py``, for the keys. Qwen2's rows need no other order; models that do (those
of the llama architecture) are refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spider_opt.errors import TrainingError

if TYPE_CHECKING:
    from torch import Tensor

_ARCHITECTURES = {"qwen2": "QWEN2", "qwen3": "QWEN3"}


def check_architecture(config: Any) -> None:
    """Make sure that adapters of a model with this ``config`` can be written.

    Raises:
        TrainingError: they cannot.
    """
    if config.model_type not in _ARCHITECTURES:
        known = ", ".join(_ARCHITECTURES)
        raise TrainingError(f"An adapter of a {config.model_type} model cannot be written as GGUF, only of: {known}.")


def write_gguf(path: Path, weights: Mapping[str, Tensor], *, config: Any, alpha: float, name: str) -> None:
    """Write an adapter in float16; ``weights`` have PEFT's names, ``config`` is the base model's.

    Raises:
        TrainingError: adapters of this architecture cannot be written.
    """
    check_architecture(config)
    import gguf
    import numpy as np

    arch = gguf.MODEL_ARCH[_ARCHITECTURES[config.model_type]]
    names = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    part = path.with_name(f".{path.name}.part")
    writer = gguf.GGUFWriter(part, gguf.MODEL_ARCH_NAMES[arch])
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    writer.add_name(name)
    for key, weight in weights.items():
        layer, _, side = key.removeprefix("base_model.model.").removesuffix(".weight").rpartition(".")
        writer.add_tensor(
            f"{names.get_name(layer)}.weight.{side.lower()}", weight.detach().cpu().numpy().astype(np.float16)
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(path)


def write_peft(folder: Path, weights: Mapping[str, Tensor], *, base: str, rank: int, alpha: float) -> None:
    """Write the folder that ``peft.PeftModel.from_pretrained`` opens, in float32."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file({key: weight.detach().cpu().contiguous() for key, weight in weights.items()},
              folder / "adapter_model.safetensors")  # fmt: skip
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
