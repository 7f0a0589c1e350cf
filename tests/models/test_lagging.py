"""An adapter beside a checkpoint that is further, and how many steps that is of, read without torch."""

from __future__ import annotations

import json
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spider_opt.models.adapters import CARD, find_adapter
from spider_opt.models.fitting import fitting_adapters
from spider_opt.models.lagging import CHECKPOINT, lag, steps_of

Make = Callable[..., Path]
SAID = (
    "the adapter 'mine' is what was learnt by step 53, but its training's checkpoint is of step 254: what was learnt "
    "since is not in it, until that training goes on (spider-opt finetune with the same options, and --resume)"
)


def checkpoint(folder: Path, state: Any) -> Path:
    with zipfile.ZipFile(folder / CHECKPOINT, "w") as file:
        file.writestr("checkpoint/data.pkl", pickle.dumps(state, 2))
    return folder / CHECKPOINT


@pytest.mark.parametrize(
    ("training", "state", "said"),
    [
        ({"steps": 53}, {"n": 254}, SAID),
        ({"steps": 254}, {"n": 254}, ""),
        ({"steps": 255}, {"n": 254}, ""),  # killed between the two: it goes on from the checkpoint
        ({"steps": "53"}, {"n": 254}, ""),
        (None, {"n": 254}, ""),
        ([], {"n": 254}, ""),
        ({"steps": 53}, {"n": "254"}, ""),
        ({"steps": 53}, [254], ""),
        ({"steps": 53}, None, ""),
    ],
)
def test_what_lags_is_said(
    make_adapter: Make, training: Any, state: Any, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make_adapter("mine", **({} if training is None else {"training": training}))
    if state is not None:
        checkpoint(folder, state)
    assert lag(find_adapter("mine")) == said
    fitting_adapters(["mine"])  # whoever opens a model with it
    assert [record.message for record in caplog.records] == [said] * bool(said)


class Hostile:
    def __reduce__(self) -> Any:
        return print, ("called by unpickling",)


@pytest.mark.parametrize("break_it", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b"x" * 99], ids=range(3))
def test_a_checkpoint_that_is_broken_says_nothing(tmp_path: Path, break_it: Callable[[bytes], bytes]) -> None:
    file = checkpoint(tmp_path, {"n": 7})
    assert steps_of(file) == 7
    file.write_bytes(break_it(file.read_bytes()))
    assert steps_of(file) is None


def test_nothing_that_a_checkpoint_names_is_called(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert steps_of(checkpoint(tmp_path, {"n": 7, "more": Hostile(), "place": tmp_path})) == 7
    assert steps_of(checkpoint(tmp_path, Hostile())) is None
    assert capsys.readouterr().out == ""


def test_as_a_training_writes_it(tmp_path: Path, make_adapter: Make) -> None:
    torch = pytest.importorskip("torch")
    from spider_opt.training.checkpoint import write_state

    weight = torch.nn.Parameter(torch.ones(3, 4))
    optimizer = torch.optim.AdamW([weight])
    weight.sum().backward()
    optimizer.step()
    state = {"fingerprint": "f", "weights": [weight.detach()], "optimizer": optimizer.state_dict(), "n": 12}
    write_state(tmp_path / CHECKPOINT, state)
    assert steps_of(tmp_path / CHECKPOINT) == 12
    card = json.loads((make_adapter("mine", training={"steps": 11}) / CARD).read_text())
    assert card["training"] == {"steps": 11}
    assert "torch" in sys.modules
