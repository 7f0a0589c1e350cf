"""From questions to an adapter that can be asked, in one call."""

from __future__ import annotations

import errno
import itertools
import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

from spider_opt.answering.drafts import Look
from spider_opt.benchmarks import load
from spider_opt.cli.ended import Ended, interrupted_by_signals
from spider_opt.errors import LeakError, TrainingError
from spider_opt.models.adapters import CARD, FILE, find_adapter
from spider_opt.models.lagging import CHECKPOINT, lag, steps_of
from spider_opt.models.torch.gguf import read_gguf
from spider_opt.paths import file_hash
from spider_opt.sql.extract import extract_sql
from spider_opt.steps.finetune import AnswerForm
from spider_opt.training import loop
from spider_opt.training import tune as tuning
from spider_opt.training.dataset import Item
from spider_opt.training.loop import Settings, Step, Training
from spider_opt.training.spec import TuneSpec
from spider_opt.training.tune import TARGETS, tune
from spider_opt.types import Column, ForeignKey, Schema, Table

if TYPE_CHECKING:
    import torch

NEEDS = ("torch", "transformers", "gguf")

HELD_OUT = "database_6"  # by the hash of its name, see test_validation.py
SETTINGS = Settings(epochs=2.0, rate=1e-2, rank=2, alpha=4.0, packs=1)


@pytest.fixture(autouse=True)
def bases(tiny: Callable[..., Any], tokenizer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Tune a tiny model, whatever it is called; what was opened comes here."""
    from spider_opt.models.torch.base import Base

    opened: list[str] = []

    def open_base(name: str, **_: Any) -> Base:
        opened.append(name)
        return Base(name, "a" * 64, tiny(), tokenizer)

    monkeypatch.setattr(tuning, "open_base", open_base)
    monkeypatch.setattr(tuning, "keep_memory", lambda: lambda: None)  # the tests' own process
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path))
    return opened


@pytest.fixture
def tuned_on(lessons: Callable[..., list[Item]], tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def tuned(name: str, **options: Any) -> dict[str, Any]:
        said = {"model": "m", "settings": SETTINGS, "look": Look(values=0), "form": "plain", "questions_per_pack": 3}
        said |= {key: options.pop(key) for key in list(options) if key in TuneSpec.__dataclass_fields__}
        training = options.pop("training", lessons(7))
        folder = tmp_path / "adapters" / name
        return tune(training, lessons(3, HELD_OUT), {}, folder, TuneSpec(**said, compute="float32"), **options)

    return tuned


def kept(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "peft" / "adapter_model.safetensors")


def test_an_adapter_and_its_card(tuned_on: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    told: list[Step] = []
    card = tuned_on("mine", about={"source": "invented"}, tell=told.append)
    assert [step.n for step in told] == [1, 2, 3, 4, 5, 6]
    folder = tmp_path / "adapters" / "mine"
    found = find_adapter("mine")  # reads the card, and the file's hash
    assert (found.base, found.card, found.path) == ("m", card, folder / "adapter.gguf")
    assert card["base"] == {"name": "m", "sha256": "a" * 64}
    assert Look(**card["look"]) == Look(values=0)
    assert card["target"] == "plain"
    assert card["data"].pop("db_ids") == sorted(found.learnt_databases or ())
    assert card["data"] == {"source": "invented"}
    assert found.learnt_databases
    assert found.learnt_questions
    assert card["settings"]["questions_per_pack"] == 3
    assert card["settings"]["renamed"] == 0.0
    done = card["training"]
    assert (done["steps"], done["of"], done["examples"]) == (6, 6, 14)
    assert done["last_loss"] == pytest.approx(told[-1].loss, abs=1e-5)
    assert done["validation_loss"] == pytest.approx(told[-1].validation, abs=1e-5)
    assert any(weight.abs().max() > 0 for name, weight in kept(folder).items() if "lora_B" in name)


def test_schemas_under_other_names_are_what_is_learnt(tuned_on: Callable[..., dict[str, Any]]) -> None:
    plain, renamed = tuned_on("plain"), tuned_on("renamed", rename=1.0)
    assert (plain["settings"]["renamed"], renamed["settings"]["renamed"]) == (0.0, 1.0)
    assert renamed["training"]["tokens"] != plain["training"]["tokens"]
    with pytest.raises(TrainingError, match="other data or settings"):
        tuned_on("renamed", resume=True)


@pytest.mark.parametrize(("rank", "kind"), [(16, "F16"), (32, "Q8_0"), (33, "F16")])
def test_adapters_of_a_high_rank_are_written_in_eight_bits(
    tuned_on: Callable[..., dict[str, Any]], tmp_path: Path, rank: int, kind: str
) -> None:
    import gguf

    tuned_on("mine", settings=Settings(epochs=0.2, rank=rank, alpha=2.0 * rank, packs=1))
    tensors = gguf.GGUFReader(find_adapter("mine").path).tensors
    assert {tensor.tensor_type.name for tensor in tensors} == {kind}


def test_stopped_it_keeps_what_was_learnt_and_goes_on(
    tuned_on: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_BETWEEN_LOOKS", 0)  # what is looked at does not depend on the time it takes

    def stop(step: Step) -> None:
        if step.n in (2, 4):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tuned_on("broken", tell=stop)
    assert find_adapter("broken").card["training"]["steps"] == 2
    with pytest.raises(KeyboardInterrupt):
        tuned_on("broken", tell=stop, resume=True)
    assert find_adapter("broken").card["training"]["steps"] == 4
    resumed, whole = tuned_on("broken", resume=True), tuned_on("whole")
    assert resumed["training"] | {"minutes": 0} == whole["training"] | {"minutes": 0}
    one, other = kept(tmp_path / "adapters" / "broken"), kept(tmp_path / "adapters" / "whole")
    for name, weight in one.items():
        torch.testing.assert_close(weight, other[name], rtol=1e-5, atol=1e-7)
    with pytest.raises(TrainingError, match="other data or settings"):
        tuned_on("broken", form="from-first", resume=True)


@pytest.fixture
def checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """One after each step."""
    monkeypatch.setattr(tuning, "Training", partial(Training, checkpoint_s=-1.0))


def steps_of_both(folder: Path) -> tuple[int, int | None]:
    return find_adapter(folder.name).card["training"]["steps"], steps_of(folder / CHECKPOINT)


@pytest.mark.usefixtures("checkpoints")
def test_the_adapter_is_written_with_each_checkpoint(tuned_on: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    found: list[tuple[int, int | None]] = []
    tuned_on("mine", tell=lambda step: found.append(steps_of_both(tmp_path / "adapters" / "mine")))
    assert found == [(n, n) for n in range(1, 7)]
    from safetensors.torch import load_file

    read = read_gguf(tmp_path / "adapters" / "mine" / "adapter.gguf").weights
    for name, weight in load_file(tmp_path / "adapters" / "mine" / "peft" / "adapter_model.safetensors").items():
        torch.testing.assert_close(read[name], weight, rtol=1e-3, atol=1e-6)


def killed_at(move: int, after: bool, train: Callable[[], object]) -> int:
    """Train in a process of its own, which is killed at a move of a file; return how it ended."""
    child = os.fork()
    if child == 0:
        moves, really = itertools.count(), Path.replace

        def moved(self: Path, target: Any) -> Any:
            kill = next(moves) == move
            if kill and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            done = really(self, target)
            if kill:
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        try:
            Path.replace = moved  # type: ignore[method-assign]
            train()
        finally:
            os._exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.usefixtures("checkpoints")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")
def test_killed_at_any_moment_nothing_lags(
    tuned_on: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_BETWEEN_LOOKS", 0)  # what is looked at does not depend on the time it takes
    whole = tuned_on("whole")
    states = set()
    for move, after in itertools.product(range(2, 14), (False, True)):  # learnt.txt first, then five a checkpoint
        name = f"killed-{move}-{after}"
        folder = tmp_path / "adapters" / name
        assert killed_at(move, after, lambda name=name: tuned_on(name)) == -signal.SIGKILL  # type: ignore[misc]
        there = steps_of(folder / CHECKPOINT) or 0
        if (folder / CARD).is_file():
            found = find_adapter(name)
            n = found.card["training"]["steps"]
            assert file_hash(folder / FILE) == found.sha256
            assert lag(found) == ""
            states.add((n, there))
        else:
            assert there == 0
        if (move, after) in ((5, True), (9, False)):
            resumed = tuned_on(name, resume=True)
            assert resumed["training"] | {"minutes": 0} == whole["training"] | {"minutes": 0}
    assert states == {(1, 0), (1, 1), (2, 1), (2, 2), (3, 2)}


def test_a_signal_leaves_an_adapter_and_a_checkpoint_that_agree(
    tuned_on: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    def stop(step: Step) -> None:
        if step.n == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with interrupted_by_signals(), pytest.raises(Ended):
        tuned_on("mine", tell=stop)
    assert steps_of_both(tmp_path / "adapters" / "mine") == (3, 3)
    assert tuned_on("mine", resume=True)["training"]["steps"] == 6


def test_an_adapter_that_lags_is_said_where_a_training_begins_with_it(
    tuned_on: Callable[..., dict[str, Any]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tuned_on("first")
    folder = tmp_path / "adapters" / "first"
    card = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps(card | {"training": {"steps": 4}}))
    tuned_on("second", start=find_adapter("first"))
    assert "learnt by step 4, but its training's checkpoint is of step 6" in caplog.text


@pytest.mark.parametrize("of_safetensors", [False, True])
def test_a_disk_that_is_full_is_said_and_leaves_what_stood_there(
    tuned_on: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, of_safetensors: bool
) -> None:
    from safetensors import SafetensorError

    tuned_on("mine", settings=replace(SETTINGS, epochs=1.0))
    folder = tmp_path / "adapters" / "mine"
    before = steps_of_both(folder)

    def full(*_: Any, **__: Any) -> Any:
        why = "No space left on device"
        raise SafetensorError(why) if of_safetensors else OSError(errno.ENOSPC, why)

    monkeypatch.setattr(tuning, "write_adapter", full)
    with pytest.raises(TrainingError, match=r"cannot be written \(No space left on device\); what stood there is kept"):
        tuned_on("mine", settings=replace(SETTINGS, epochs=1.0), resume=True)
    assert steps_of_both(folder) == before


def test_what_was_learnt_is_kept_where_the_adapter_cannot_be_written(
    tuned_on: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(tuning, "write_adapter", full)
        with pytest.raises(TrainingError, match="No space left on device"):
            tuned_on("mine")
    told: list[Step] = []
    assert tuned_on("mine", resume=True, tell=told.append)["training"]["steps"] == 6
    assert told == []


def test_memory_is_given_back_however_a_training_ends(
    tuned_on: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    given_back: list[str] = []
    monkeypatch.setattr(tuning, "keep_memory", lambda: lambda: given_back.append("yes"))

    def fail(step: Step) -> None:
        assert not given_back
        raise RuntimeError

    with pytest.raises(RuntimeError):
        tuned_on("mine", tell=fail)
    assert given_back == ["yes"]
    tuned_on("other")
    assert given_back == ["yes", "yes"]


def test_not_resumed_it_begins_anew(tuned_on: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    tuned_on("mine")
    card = tuned_on("mine", settings=Settings(epochs=1.0, rank=2, alpha=4.0, packs=1))
    assert card["training"]["steps"] == 3
    log = (tmp_path / "adapters" / "mine" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["n"] for line in log] == [1, 2, 3]


def test_stopped_before_the_first_step_it_writes_no_adapter(
    tuned_on: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spider_opt.training import loss

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(loss, "summed_loss", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tuned_on("mine")
    assert not (tmp_path / "adapters" / "mine" / "adapter.gguf").exists()
    assert not (tmp_path / "adapters" / "mine" / "card.json").exists()


def test_a_leak_is_refused_before_a_model_is_opened(
    tuned_on: Callable[..., dict[str, Any]], lessons: Callable[..., list[Item]], bases: list[str], tmp_path: Path
) -> None:
    for training in (lessons(2, HELD_OUT), lessons(2, kind="dev")):
        with pytest.raises(LeakError, match="must not be trained on"):
            tuned_on("mine", training=training)
    assert bases == []
    assert not (tmp_path / "adapters").exists()


def test_an_adapter_that_could_not_be_written_is_not_trained(
    tuned_on: Callable[..., dict[str, Any]], tiny: Callable[..., Any], tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spider_opt.models.torch.base import Base

    model = tiny()
    model.config.model_type = "llama"
    monkeypatch.setattr(tuning, "open_base", lambda name, **_: Base(name, "a" * 64, model, tokenizer))
    with pytest.raises(TrainingError, match="An adapter of a llama model cannot be written"):
        tuned_on("mine")


def test_targets() -> None:
    columns = (Column("id", "INT"), Column("name", "TEXT"))
    schema = Schema("d", (Table("a", columns), Table("b", columns)))
    sql = "SELECT T1.name FROM a AS T1 JOIN b AS T2 ON T1.id = T2.id"
    assert TARGETS["plain"](sql, schema) == sql
    assert TARGETS["from-first"](sql, schema) == "FROM a JOIN b ON a.id = b.id SELECT a.name"
    assert TARGETS["from-first"]("SELECT x FROM nothing", schema) == "SELECT x FROM nothing"
    assert TARGETS["implied-joins"](sql, schema) == "FROM a JOIN b ON a.id = b.id SELECT a.name"
    keyed = replace(schema, foreign_keys=(ForeignKey("b", "id", "a", "id"),))
    assert TARGETS["implied-joins"](sql, keyed) == "FROM a JOIN b SELECT a.name"
    assert TARGETS["implied-joins"]("SELECT x FROM nothing", schema) == "SELECT x FROM nothing"
    behind = "-- SELECT _ FROM _ JOIN _ ON _ = _\n" + sql
    assert TARGETS["skeleton-first"](sql, schema) == behind
    assert set(TARGETS) == set(get_args(AnswerForm))


def test_what_stands_behind_a_skeleton_is_the_query() -> None:
    benchmark = load("spider-mini:train")
    queries = [example.gold_sql for example in benchmark.examples]
    queries += ["WITH a AS (SELECT 1 AS x) SELECT x FROM a", "SELECT '-- no comment' FROM t WHERE b = 'select'"]
    for sql in queries:
        assert extract_sql(TARGETS["skeleton-first"](sql, Schema("d", ()))) == extract_sql(sql) != ""


def test_the_card_says_what_is_right_on_held_out_databases(
    tuned_on: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    source: Any = object()

    def accuracy(
        decode: Any, tokenizer: Any, look: Look, form: str, benchmark: Any, items: Any, n: int, **_: Any
    ) -> Any:
        assert (form, benchmark, n, {item.question.db_id for item in items}) == ("plain", source, 5, {HELD_OUT})
        [said] = decode([tokenizer("x", add_special_tokens=False)["input_ids"]])
        assert isinstance(tokenizer.decode(said), str)
        return {"n": n, "ex": 50.0}

    monkeypatch.setattr(tuning, "held_out_accuracy", accuracy)
    card = tuned_on("asked", source=source, check=5)
    assert card["held_out"] == {"n": 5, "ex": 50.0}
    assert find_adapter("asked").card["held_out"] == {"n": 5, "ex": 50.0}
    assert "held_out" not in tuned_on("not-asked", source=source)


def test_it_begins_with_another_adapter(tuned_on: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    first = tuned_on("first")
    start = find_adapter("first")
    card = tuned_on("second", start=start, settings=replace(SETTINGS, rate=1e-12))
    assert card["start"] == {"name": "first", "sha256": first["sha256"]}
    assert first["start"] is None
    one, other = kept(tmp_path / "adapters" / "first"), kept(tmp_path / "adapters" / "second")
    for name, weight in one.items():
        torch.testing.assert_close(weight, other[name], rtol=1e-3, atol=1e-6)  # the file holds 16 bits
    with pytest.raises(TrainingError, match="first is of rank 2 and alpha 4; nothing else"):
        tuned_on("third", start=start, settings=replace(SETTINGS, rank=3))
    with pytest.raises(TrainingError, match="other data or settings"):
        tuned_on("second", settings=replace(SETTINGS, rate=1e-12), resume=True)


@pytest.mark.parametrize("learnt", [[HELD_OUT.upper()], None])
def test_it_begins_with_no_adapter_that_learnt_what_it_is_watched_by(
    tuned_on: Callable[..., dict[str, Any]], tmp_path: Path, caplog: pytest.LogCaptureFixture, learnt: list[str] | None
) -> None:
    first = tuned_on("first")
    first["data"] = {} if learnt is None else {"db_ids": learnt}
    (tmp_path / "adapters" / "first" / CARD).write_text(json.dumps(first))
    if learnt is None:
        tuned_on("second", start=find_adapter("first"))
        assert "the card of first does not say which databases it learnt from" in caplog.text
        return
    with pytest.raises(LeakError, match=f"the adapter first learnt from {HELD_OUT}, .* hold nothing out .hold_out"):
        tuned_on("second", start=find_adapter("first"))
    assert not (tmp_path / "adapters" / "second").exists()
