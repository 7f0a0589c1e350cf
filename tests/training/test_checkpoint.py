"""What a training keeps on disk, and what its log shows."""

from __future__ import annotations

import errno
import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from spider_opt.errors import TrainingError
from spider_opt.training.checkpoint import note, read_state, signs, take_back_notes, write_state

if TYPE_CHECKING:
    import torch

NEEDS = ("torch",)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "checkpoint.pt"


def test_a_state_comes_back(path: Path) -> None:
    write_state(path, {"fingerprint": "a", "weights": [torch.arange(3.0)], "n": 7})
    state = read_state(path)
    assert (state["fingerprint"], state["n"], state["weights"][0].tolist()) == ("a", 7, [0.0, 1.0, 2.0])
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.999])
def test_half_a_state_is_refused_in_a_sentence(path: Path, share: float) -> None:
    write_state(path, {"fingerprint": "a", "weights": [torch.randn(1000)]})
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(TrainingError, match=r"checkpoint\.pt is no checkpoint, or a broken one: delete it"):
        read_state(path)


class Hostile:
    def __reduce__(self) -> Any:
        return print, ("run by unpickling",)


def test_what_is_no_state_is_refused_and_never_run(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.parent.mkdir()
    for write in (
        lambda: path.write_text("{}"),
        lambda: path.write_bytes(pickle.dumps(Hostile(), 2)),
        lambda: torch.save(Hostile(), path),
        lambda: torch.save([1, 2], path),
        lambda: torch.save({"weights": []}, path),
    ):
        write()
        with pytest.raises(TrainingError, match="is no checkpoint"):
            read_state(path)
    assert "run by unpickling" not in capsys.readouterr().out


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("file write failed")])
def test_a_full_disk_keeps_the_state_that_was(path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def save(state: object, file: Any) -> None:
        file.write(b"half of it")
        raise error

    write_state(path, {"fingerprint": "a"})
    monkeypatch.setattr(torch, "save", save)
    with pytest.raises(TrainingError, match=r"cannot be written .*; what stood there is kept"):
        write_state(path, {"fingerprint": "b"})
    assert read_state(path) == {"fingerprint": "a"}
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_notes_are_taken_back(tmp_path: Path) -> None:
    log = tmp_path / "made" / "log.jsonl"
    take_back_notes(log, 3)  # there is none yet
    for n in range(1, 6):
        note(log, {"n": n, "loss": 1 / 3})
    with log.open("a") as file:
        file.write('{"n": 6, "lo')
    take_back_notes(log, 4)
    assert [json.loads(line) for line in log.read_text().splitlines()] == [
        {"n": n, "loss": 0.333333} for n in range(1, 5)
    ]
    take_back_notes(log, 0)
    assert log.read_text() == ""


@pytest.mark.parametrize(
    ("watched", "begins"),
    [
        ([], "Too short to tell"),
        ([0.5], "Too short to tell"),
        ([0.5, 0.4, 0.3, 0.2], "Underfitting: the loss on held-out databases still fell at the end (0.200)"),
        ([0.5, 0.3, 0.2, 0.199], "The loss on held-out databases has settled (0.199)."),
        ([0.5, 0.3, 0.2, 0.203], "The loss on held-out databases has settled (0.203)."),
        ([0.5, 0.2, 0.3, 0.31], "Overfitting: the loss on held-out databases was lowest (0.200) before the end"),
        ([0.5, 0.2, 0.4, 0.3], "Overfitting:"),
    ],
)
def test_signs_in_plain_words(watched: list[float], begins: str) -> None:
    steps: list[dict[str, Any]] = [{"loss": 1.0, "validation": None}]
    for value in watched:
        steps += [{"loss": 0.1, "validation": value}, {"loss": 0.1, "validation": None}]
    assert signs(steps).startswith(begins)


def test_a_loss_falls_further_between_looks_that_lie_further_apart() -> None:
    """From 0.30 to 0.29 in a tenth of a training it still falls, in four tenths it has settled."""
    for before, says in ((0.9, "Underfitting"), (0.6, "The loss on held-out databases has settled")):
        looks = [
            {"done": 0.1, "validation": 0.4},
            {"done": before, "validation": 0.30},
            {"done": 1.0, "validation": 0.29},
        ]
        assert signs(looks).startswith(says)
