"""An adapter that comes compact: 8-bit numbers in half the bytes, written out as GGUF into the cache at first use.

``adapter.npz``, which ``numpy.load`` opens, has the bytes before the numbers of the GGUF file (``header``) and, in the
order of that file, of each of its tensors the whole numbers (int8, by the tensor's name) and their scales (float16,
the name and ``.scales``). ``BLOCK`` numbers share a scale, along the long side of the matrix: A stands as it is, B
turned. GGUF's own 8 bits want rows of whole blocks, and those of B are as long as the rank. The GGUF file is float16,
and the same bytes on every machine: its hash is who the adapter is.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from spider_opt.errors import WeightsError
from spider_opt.paths import cache_dir, file_hash, locked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FILE = "adapter.npz"
FORMAT = "spider-opt adapter 1"
BLOCK = 32
ALIGNED = 32
"""GGUF's numbers of a tensor begin at a multiple of so many bytes."""
SCALES = ".scales"
TURNED = ".lora_b"
AGAIN = "install spider-opt again, or remove the folder"


def written_out(compact: Path, sha256: str) -> Path:
    """Return the GGUF file of a compact adapter, after writing it into the cache where it is missing or wrong there.

    Raises:
        WeightsError: it cannot be written, or what comes out has not the hash ``sha256``.
    """
    path = cache_dir() / "expanded" / f"{sha256}.gguf"
    with suppress(OSError):
        if file_hash(path) == sha256:
            return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.parent, wait=True):
            if not path.is_file() or file_hash(path, again=True) != sha256:
                _replace(compact, path, sha256)
    except OSError as error:
        raise WeightsError(
            f"{compact} cannot be written out into {path.parent} ({error.strerror or error}); make room there, take "
            "away what stands in its place, or set SPIDER_OPT_CACHE to another folder"
        ) from error
    return path


def pack(gguf_file: Path, compact: Path) -> None:
    """Write a compact adapter from a GGUF file in float16.

    Raises:
        ValueError: a matrix has a long side that is not made of whole blocks.
    """
    import gguf
    import numpy as np

    reader = gguf.GGUFReader(gguf_file)
    kept: dict[str, NDArray[np.generic]] = {
        "format": np.array(FORMAT),
        "header": np.frombuffer(gguf_file.read_bytes()[: reader.data_offset], np.uint8),
    }
    for tensor in reader.tensors:
        kept[tensor.name], kept[tensor.name + SCALES] = quantized(np.asarray(tensor.data), tensor.name)
    np.savez(compact, **kept)  # type: ignore[arg-type]


def quantized(numbers: NDArray[np.float32], name: str) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Return the matrix of a tensor of that name as whole numbers and their scales.

    Raises:
        ValueError: its long side is not made of whole blocks.
    """
    import numpy as np

    long = numbers.T if name.endswith(TURNED) else numbers
    if long.shape[1] % BLOCK:
        raise ValueError(f"{name} has rows of {long.shape[1]}, which are not made of blocks of {BLOCK}")
    blocks = long.astype(np.float32).reshape(long.shape[0], -1, BLOCK)
    exact = np.abs(blocks).max(axis=-1) / 127
    scales = exact.astype(np.float16)
    # Rounded up, so that the largest number of a block is not cut: float16 is coarse where scales are small.
    scales = np.where(scales < exact, np.nextafter(scales, np.float16(np.inf)), scales)
    by = scales.astype(np.float32)[..., None]
    whole = np.rint(np.divide(blocks, by, out=np.zeros_like(blocks), where=by > 0)).clip(-127, 127)
    return whole.astype(np.int8).reshape(long.shape), scales


def numbers_of(whole: NDArray[np.int8], scales: NDArray[np.float16], name: str) -> NDArray[np.float16]:
    """Return the matrix again that ``quantized`` was given, as near as it is kept."""
    import numpy as np

    blocks = whole.reshape(*scales.shape, BLOCK).astype(np.float32) * scales.astype(np.float32)[..., None]
    long = blocks.astype("<f2").reshape(whole.shape)
    return np.ascontiguousarray(long.T if name.endswith(TURNED) else long)


def write(compact: Path, path: Path) -> str:
    """Write the GGUF file of a compact adapter, and return its hash.

    Raises:
        WeightsError: it is none.
        OSError: it cannot be written.
    """
    with path.open("wb") as file:
        for some in _parts(compact):
            file.write(some)
            file.write(bytes(-len(some) % ALIGNED))
        file.flush()
        os.fsync(file.fileno())
    return file_hash(path, again=True)


def _replace(compact: Path, path: Path, sha256: str) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        if write(compact, part) != sha256:
            raise WeightsError(f"What {compact} is written out to has not the bytes that its card says: {AGAIN}")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _parts(compact: Path) -> list[bytes]:
    """Return the parts of the GGUF file, each of which begins aligned."""
    import numpy as np

    try:
        with compact.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            if str(kept["format"]) != FORMAT:
                said = str(kept["format"])
                raise WeightsError(f"{compact} is in the form {said!r}, which this version does not know")
            parts = [kept["header"].tobytes()]
            for name in kept.files:
                if name + SCALES in kept:
                    parts.append(numbers_of(kept[name], kept[name + SCALES], name).tobytes())
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise WeightsError(f"{compact} is no compact adapter, or a broken one ({error!r}): {AGAIN}") from error
    return parts
