"""Weights with what adapters learnt added to them, as one file of 8-bit numbers that is written into the cache.

llama.cpp computes an adapter's own products at every layer, and its products by 4 and 5 bits come out otherwise for few
rows than for many. In Q8_0 a row's product is the same beside any others, so that questions can be answered side by
side and from any beginning that is known, and each still has the answer that it has alone.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from spider_opt.errors import ModelUnavailable, WeightsError
from spider_opt.paths import cache_dir, file_hash, locked, stamp
from spider_opt.processors import usable_processors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ENGINE = "llama.cpp q8_0"
"""What computes the answers of weights with adapters in them, see ``ModelInfo``."""
FORMAT = "spider-opt merged 1"
BLOCK = 32
"""Numbers of a row that share a scale in Q8_0; rows that are not made of such blocks stay as they are."""
KEPT = 3
"""Files that are kept, those used last: each is as large as the weights in 8 bits."""
_AHEAD = 4
_LOG = logging.getLogger("spider_opt")
_ONLY_READ = "token_embd.weight"
_WITHOUT_GGUF = "What merges adapters is not installed; type: pip install 'spider-opt[embedded]'"


class Learnt(NamedTuple):
    """What an adapter adds to one matrix: ``scale * b @ a``, float32, ``a`` (rank, columns), ``b`` (rows, rank)."""

    scale: float
    a: NDArray[np.float32]
    b: NDArray[np.float32]


def merged(weights: Path, adapters: Sequence[Path]) -> Path:
    """Return the file of ``weights`` with ``adapters`` in them, after writing it into the cache where it is not there.

    Raises:
        WeightsError: a file is missing, or is no weights or no adapter of these; or it cannot be written.
        ModelUnavailable: what reads GGUF files is not installed.
    """
    folder = cache_dir() / "merged"
    path = folder / f"{_key(weights, adapters)}.gguf"
    if not _is_whole(path):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with locked(folder, wait=True):
                if not _is_whole(path):
                    _write(path, weights, adapters)
                _forget_all_but_last(folder, path)
        except OSError as error:
            raise WeightsError(
                f"{path} cannot be written ({error.strerror or error}); make room there, or set SPIDER_OPT_CACHE to "
                "another folder"
            ) from error
    with suppress(OSError):
        os.utime(_marker(path))
    return path


def write_merged(path: Path, weights: Path, adapters: Sequence[Path]) -> None:
    """Write weights with adapters in them, all matrices but the one that tokens are looked up in as Q8_0.

    Raises:
        WeightsError: one of the files is no weights, or no adapter of these.
        ModelUnavailable: what reads GGUF files is not installed.
        OSError: it cannot be written.
    """
    try:
        import gguf
    except ImportError as error:
        raise ModelUnavailable(_WITHOUT_GGUF) from error
    import numpy as np

    reader = _read(weights)
    known = {tensor.name for tensor in reader.tensors}
    learnt = [_learnt(adapter, known) for adapter in adapters]
    writer = gguf.GGUFWriter(path, reader.fields["general.architecture"].contents())
    for field in reader.fields.values():
        if field.name != "general.architecture" and not field.name.startswith("GGUF."):
            of = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            is_type = field.name == "general.file_type"
            value = int(gguf.LlamaFileType.MOSTLY_Q8_0) if is_type else field.contents()
            writer.add_key_value(field.name, value, field.types[0], sub_type=of)
    for tensor in reader.tensors:
        kind = _kind(tensor)
        size = gguf.quants.quant_shape_to_byte_shape(_shape(tensor), kind)
        writer.add_tensor_info(tensor.name, size, np.dtype(np.uint8), prod(size), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for numbers in _in_8_bits(reader.tensors, learnt):
        writer.write_tensor_data(numbers)
    writer.close()


def _in_8_bits(tensors: Sequence[Any], learnt: Sequence[Mapping[str, Learnt]]) -> Iterator[NDArray[np.uint8]]:
    """Yield the bytes of tensors with what was learnt in them, in order; several are computed at once."""
    import gguf
    import numpy as np

    def made(tensor: Any) -> NDArray[np.uint8]:
        kind = _kind(tensor)
        if kind == tensor.tensor_type and not any(tensor.name in each for each in learnt):
            return np.ascontiguousarray(tensor.data).view(np.uint8)
        numbers = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32, copy=False)
        for each in learnt:
            if tensor.name in each:
                scale, a, b = each[tensor.name]
                numbers = numbers + np.float32(scale) * (b @ a)
        return np.ascontiguousarray(gguf.quants.quantize(numbers, kind)).view(np.uint8)

    with ThreadPoolExecutor(usable_processors()) as threads:
        for i in range(0, len(tensors), _AHEAD):
            yield from threads.map(made, tensors[i : i + _AHEAD])


def _kind(tensor: Any) -> Any:
    """Return in what kind of numbers a tensor of the weights is written."""
    import gguf

    shape = _shape(tensor)
    if len(shape) == 2 and tensor.name != _ONLY_READ and shape[1] % BLOCK == 0:
        return gguf.GGMLQuantizationType.Q8_0
    return tensor.tensor_type


def _shape(tensor: Any) -> tuple[int, ...]:
    """Return rows and columns, or the length; GGUF has them the other way round."""
    return tuple(int(n) for n in reversed(tensor.shape))


def _learnt(adapter: Path, known: set[str]) -> dict[str, Learnt]:
    """Read an adapter of weights that have tensors of the names ``known``."""
    import gguf

    reader = _read(adapter)
    try:
        alpha = float(reader.fields["adapter.lora.alpha"].contents())
        sides = {
            tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype("float32", copy=False)
            for tensor in reader.tensors
        }
        names = [name.removesuffix(".lora_a") for name in sides if name.endswith(".lora_a")]
        learnt = {}
        for name in names:
            a, b = sides[f"{name}.lora_a"], sides[f"{name}.lora_b"]
            learnt[name] = Learnt(alpha / a.shape[0], a, b)
    except (KeyError, ValueError) as error:
        raise WeightsError(f"{adapter} is no LoRA adapter ({error!r})") from error
    if odd := sorted(learnt.keys() - known):
        raise WeightsError(f"{adapter} is for other weights: these have no {odd[0]}")
    return learnt


def _read(path: Path) -> Any:
    import gguf

    try:
        return gguf.GGUFReader(path)
    except FileNotFoundError as error:
        raise WeightsError(f"No weights at {path}.") from error
    except (OSError, ValueError, IndexError, KeyError) as error:
        raise WeightsError(f"{path} is no GGUF file, or a broken one ({error})") from error


def _key(weights: Path, adapters: Sequence[Path]) -> str:
    """Return what a merged file is called: a hash of all that is in it. Weights are known by their time of change."""
    hashed = hashlib.sha256(FORMAT.encode())
    try:
        hashed.update(f" {weights.resolve()} {stamp(weights)}".encode())
        for path in adapters:
            hashed.update(f" {file_hash(path)}".encode())
    except OSError as error:
        raise WeightsError(f"No weights at {error.filename}.") from error
    return hashed.hexdigest()


def _marker(path: Path) -> Path:
    return path.with_suffix(".written")


def _is_whole(path: Path) -> bool:
    """Whether a file is there as it was written."""
    try:
        return stamp(path) == _marker(path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return False


def _write(path: Path, weights: Path, adapters: Sequence[Path]) -> None:
    part = path.with_name(f".{path.name}.part")
    _LOG.warning("%s: the adapter is put into the weights, which is done once and takes up to a minute", weights.stem)
    try:
        write_merged(part, weights, adapters)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        if _key(weights, adapters) != path.stem:
            raise WeightsError(f"{weights}, or an adapter, was replaced while it was read: ask again")
        part.replace(path)
        _marker(path).write_text(stamp(path), encoding="ascii")
    finally:
        part.unlink(missing_ok=True)


def _forget_all_but_last(folder: Path, path: Path) -> None:
    """Remove the files used longest ago, and what a kill left; a process that has one open keeps it."""

    def used(file: Path) -> float:
        try:
            return _marker(file).stat().st_mtime
        except OSError:
            return 0.0

    others = sorted((file for file in folder.glob("*.gguf") if file != path), key=used, reverse=True)
    for file in (*others[KEPT - 1 :], *folder.glob(".*.part")):
        with suppress(OSError):
            file.unlink()
            _marker(file).unlink(missing_ok=True)
