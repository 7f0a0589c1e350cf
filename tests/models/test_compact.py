"""Adapters in 8 bits: what is kept of the numbers, and the GGUF file that comes of them."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spider_opt.errors import WeightsError
from spider_opt.models.compact import BLOCK, FILE, FORMAT, SCALES, numbers_of, pack, quantized, write, written_out

HEADER = b"GGUF".ljust(64, b"-")
A, B = "blk.0.attn_q.weight.lora_a", "blk.0.attn_q.weight.lora_b"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def matrices(rank: int = 5) -> dict[str, Any]:
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=(rank, 64)), draw.normal(size=(96, rank))
    a[0, :32] = 0  # a whole block
    b[32:64] *= 1e-5  # where float16 is coarse
    return {A: a.astype(np.float16), B: b.astype(np.float16)}


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Path, str]:
    """A compact adapter, and the hash of what it is written out to."""
    parts: dict[str, Any] = {"format": np.array(FORMAT), "header": np.frombuffer(HEADER, np.uint8)}
    said = HEADER
    for name, matrix in matrices().items():
        parts[name], parts[name + SCALES] = whole, scales = quantized(matrix, name)
        numbers = numbers_of(whole, scales, name).tobytes()
        said += numbers + bytes(-len(numbers) % 32)
    np.savez(tmp_path / FILE, **parts)
    return tmp_path / FILE, hashlib.sha256(said).hexdigest()


# --- numbers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [1, 5, 16, 33])
def test_what_is_kept_is_within_half_a_step_of_its_blocks_scale(rank: int) -> None:
    for name, matrix in matrices(rank).items():
        whole, scales = quantized(matrix, name)
        again = numbers_of(whole, scales, name)
        assert (again.shape, again.dtype, whole.dtype, scales.dtype) == (matrix.shape, "<f2", np.int8, np.float16)
        long = matrix.T if name == B else matrix
        assert (whole.shape, scales.shape) == (long.shape, (rank, long.shape[1] // BLOCK))  # along the long side
        off = np.abs((again.T if name == B else again).astype(float) - long.astype(float))
        steps = np.repeat(scales, BLOCK, axis=1).astype(float)
        assert (off <= 0.5 * steps + np.abs(long.astype(float)) * 2**-10 + 2**-24).all()  # and float16's own rounding
        assert not again[matrix == 0].any()


@given(st.lists(st.floats(-60000, 60000, width=16), min_size=32, max_size=32))
@settings(max_examples=200, deadline=None)
def test_kept_once_more_it_stays_what_it_is(numbers: list[float]) -> None:
    block = np.array([numbers], np.float16)
    once = numbers_of(*quantized(block, A), A)
    twice = numbers_of(*quantized(once, A), A)
    assert np.isfinite(once).all()
    assert np.abs(twice.astype(float) - once.astype(float)).max() <= np.abs(once.astype(float)).max() * 0.005


@pytest.mark.parametrize(("name", "shape"), [(A, (4, 33)), (B, (33, 4)), (A, (32, 16)), (B, (16, 32))])
def test_a_long_side_that_is_not_made_of_blocks_is_refused(name: str, shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"lora_. has rows of (33|16), which are not made of blocks of 32"):
        quantized(np.ones(shape, np.float16), name)


# --- files -------------------------------------------------------------------------------------


def test_it_is_written_out_once(kept: tuple[Path, str], cache: Path) -> None:
    path = written_out(*kept)
    assert path == cache / "expanded" / f"{kept[1]}.gguf"
    before = path.stat()
    assert written_out(*kept) == path
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("damage", [b"", b"half", None])
def test_what_is_damaged_in_the_cache_is_mended(kept: tuple[Path, str], damage: bytes | None) -> None:
    path = written_out(*kept)
    whole = path.read_bytes()
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    assert written_out(*kept).read_bytes() == whole


def test_what_a_kill_left_is_written_over(kept: tuple[Path, str], cache: Path) -> None:
    (cache / "expanded").mkdir(parents=True)
    (cache / "expanded" / f".{kept[1]}.gguf.part").write_bytes(b"half of it")
    assert hashlib.sha256(written_out(*kept).read_bytes()).hexdigest() == kept[1]


def test_several_at_once_get_the_same_whole_file(kept: tuple[Path, str]) -> None:
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(written_out(*kept).read_bytes())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {hashlib.sha256(said).hexdigest() for said in found} == {kept[1]}
    assert len(found) == 8


def test_other_bytes_than_the_cards_are_not_kept(kept: tuple[Path, str], cache: Path) -> None:
    with pytest.raises(WeightsError, match=r"adapter\.npz is written out to has not the bytes that its card says"):
        written_out(kept[0], "0" * 64)
    assert list((cache / "expanded").iterdir()) == []


@pytest.mark.parametrize(
    "broken",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"no zip"),
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"-----", b"+++++")),  # another check sum
        lambda path: np.savez(path, header=np.zeros(4, np.uint8)),
        lambda path: np.savez(path, format=np.array(FORMAT)),
        lambda path: np.savez(
            path, format=np.array(FORMAT), header=np.zeros(4, np.uint8), a=np.zeros(3, np.int8), **{"a.scales": 1.0}
        ),
        lambda path: (np.save(path.with_suffix(".npy"), np.zeros(3)), path.with_suffix(".npy").replace(path)),
    ],
)
def test_a_file_that_is_none(kept: tuple[Path, str], broken: Any, tmp_path: Path) -> None:
    broken(kept[0])
    with pytest.raises(WeightsError, match=r"adapter\.npz is no compact adapter, or a broken one"):
        write(kept[0], tmp_path / "out")


def test_a_form_of_a_version_to_come(kept: tuple[Path, str], tmp_path: Path) -> None:
    np.savez(kept[0], format=np.array("spider-opt adapter 2"), header=np.zeros(4, np.uint8))
    with pytest.raises(WeightsError, match=r"in the form 'spider-opt adapter 2', which this version does not know"):
        write(kept[0], tmp_path / "out")


def test_where_nothing_can_be_kept(kept: tuple[Path, str], cache: Path) -> None:
    cache.write_text("a file where a folder is due")
    with pytest.raises(
        WeightsError, match=r"cannot be written out into .*; make room there, .* or set SPIDER_OPT_CACHE"
    ):
        written_out(*kept)


def test_a_gguf_file_and_back(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    writer = gguf.GGUFWriter(tmp_path / "whole.gguf", "qwen2")
    writer.add_string("general.type", "adapter")
    for name, matrix in matrices().items():
        writer.add_tensor(name, matrix)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    pack(tmp_path / "whole.gguf", tmp_path / FILE)
    path = written_out(tmp_path / FILE, write(tmp_path / FILE, tmp_path / "again.gguf"))
    one, other = gguf.GGUFReader(tmp_path / "whole.gguf"), gguf.GGUFReader(path)
    assert one.fields.keys() == other.fields.keys()
    assert path.stat().st_size == (tmp_path / "whole.gguf").stat().st_size
    for before, after in zip(one.tensors, other.tensors, strict=True):
        assert (before.name, before.tensor_type) == (after.name, after.tensor_type)
        assert list(before.shape) == list(after.shape)
        off = np.abs(np.asarray(before.data, float) - np.asarray(after.data, float)).max()
        assert 0 < off < 0.02
