"""``spider-opt finetune``, with a training that learns nothing."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from click.testing import Result

from spider_opt.answering.drafts import Look
from spider_opt.benchmarks import load
from spider_opt.cli import finetune as module
from spider_opt.cli import finetune_here, main
from spider_opt.models.adapters import CARD, FILE, adapters_dir, find_adapter
from spider_opt.models.catalog import DEFAULT_MODEL
from spider_opt.paths import locked
from spider_opt.steps.finetune import AnswerForm
from spider_opt.training.loop import Settings, Step
from spider_opt.training.tune import TARGETS
from spider_opt.types import Context

Finetune = Callable[..., Result]
Refused = Callable[..., str]
_SHARED = runpy.run_path(str(Path(__file__).with_name("conftest.py")))
HELD_OUT, SIGNS = (_SHARED[name] for name in ("HELD_OUT", "SIGNS"))


STEP = Step(1, 2, 0.5, 1e-4, 3, 40, 1.0, 0.5)


# --- on this machine ---------------------------------------------------------------------------


def test_held_out_questions_are_asked_at_the_end(training: Any, finetune: Finetune, spider: Path) -> None:
    training.found = {"n": 8, "ex": 62.5}
    result = finetune("--context", "none", "--spider", str(spider), "--check", "8")
    assert result.exit_code == 0, result.stderr
    [call] = training.calls
    assert (call["check"], call["source"].split) == (8, "train")
    assert {item.question.db_id for item in call["validation"]} == {HELD_OUT}
    assert "8 questions of held-out databases: 62.5 % right" in result.stdout.splitlines()


def test_what_is_shipped_learns_held_out_databases_too(
    training: Any, finetune: Finetune, refused: Refused, spider: Path
) -> None:
    result = finetune("--context", "rag", "--share", "1", "--spider", str(spider), "--no-hold-out")
    assert result.exit_code == 0, result.stderr
    [call] = training.calls
    assert HELD_OUT in {item.question.db_id for item in call["training"]}
    assert call["validation"] == []
    assert call["about"]["held out"] == "nothing"
    assert "holding out none" in result.stderr
    assert finetune("--spider", str(spider), "--no-hold-out", "--check", "0", "--name", "none").exit_code == 0
    said = refused("--spider", str(spider), "--no-hold-out", "--check", "3")
    assert said == "Error: --check asks held-out questions, which --no-hold-out learns: leave one of them out"


def test_held_out_questions_that_are_learnt_elsewhere_are_not_watched(
    training: Any, finetune: Finetune, spider: Path
) -> None:
    train = spider / "train_spider.json"
    entries = json.loads(train.read_text())
    [held_out, *_], [learnt, *_] = (
        [e for e in entries if (e["db_id"] == HELD_OUT) is is_out] for is_out in (True, False)
    )
    held_out["question"] = learnt["question"].upper()
    train.write_text(json.dumps(entries))
    result = finetune("--context", "none", "--spider", str(spider))
    assert result.exit_code == 0, result.stderr
    assert "held out, but not watched: 1 for same question as a question that is learnt has" in result.stderr
    [call] = training.calls
    assert len(call["validation"]) == sum(e["db_id"] == HELD_OUT for e in entries) - 1


def test_what_is_odd_in_the_questions_is_said_once(
    finetune: Finetune, spider: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train = spider / "train_spider.json"
    entries = json.loads(train.read_text())
    train.write_text(json.dumps([*entries, entries[0]]))
    assert finetune("--context", "none", "--spider", str(spider)).exit_code == 0
    assert caplog.text.count("repeat an earlier one word for word") == 1


def test_the_whole_way(training: Any, finetune: Finetune) -> None:
    result = finetune("--name", "mine", "--context", "none")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        f"1,234 examples in 1.5 minutes. {SIGNS}",
        "next: spider-opt eval --method finetune:adapter=mine",
    ]
    folder = adapters_dir() / "mine"
    assert result.stderr.splitlines()[-1] == (
        f"tuning on {len(training.ids):,} questions of 5 databases, watching 0 of held-out ones; kept in {folder}"
    )
    assert "left out: " in result.stderr
    assert find_adapter("mine").folder == folder
    [call] = training.calls
    assert len(call["training"]) > 100
    assert all(item.context == Context() for item in call["training"])
    assert call["settings"] == Settings(alpha=32.0)
    assert call["look"] == Look(values=2)
    wanted = {
        "model": DEFAULT_MODEL,
        "form": "from-first",
        "questions_per_pack": 16,
        "compute": "auto",
        "resume": False,
    }
    assert {key: call[key] for key in wanted} == wanted
    assert call["about"] == {
        "source": "spider-mini train",
        "fingerprint": load("spider-mini:train").fingerprint,
        "questions": len(call["training"]),
        "databases": 5,
        "chosen": None,
        "focus": None,
        "context": "none",
        "share": 0.7,
    }


def test_it_goes_on_from_another_adapter(training: Any, finetune: Finetune) -> None:
    training.card = {"settings": {"rank": 8}}
    assert finetune("--name", "one", "--values", "1", "--context", "none", "--form", "plain").exit_code == 0
    assert finetune("--name", "two", "--start", "one", "--context", "none").exit_code == 0
    call = training.calls[-1]
    assert (call["start"].name, call["settings"].rank, call["settings"].alpha) == ("one", 8, 16.0)
    assert (call["look"], call["form"]) == (Look(values=1), "plain")
    both = finetune("--name", "three", "--start", "one", "--rank", "4")
    assert (both.exit_code, "--rank is as in the adapter that --start names" in both.stderr) == (2, True)
    none = finetune("--name", "three", "--start", "nobody")
    assert (none.exit_code, "There is no adapter 'nobody' (there are: one, two" in none.stderr) == (2, True)
    training.card = {}
    assert finetune("--name", "four", "--context", "none").exit_code == 0
    other = finetune("--name", "five", "--start", "four")
    assert (other.exit_code, "'four' was not tuned on a machine like this" in other.stderr) == (2, True)
    training.card = {"settings": {"rank": 8}, "look": {"colour": "red"}}
    assert finetune("--name", "five", "--context", "none").exit_code == 0
    strange = finetune("--name", "six", "--start", "five")
    assert (strange.exit_code, "tuned in a form that this version does not know" in strange.stderr) == (1, True)


def test_options_reach_the_training(training: Any, finetune: Finetune) -> None:
    options = "--epochs 3.5 --minutes 7 --rate 1e-3 --rank 8 --pack 4 --batch 3 --compute float32 --seed 5 --form plain"
    more = ("--values", "1", "--context", "none", "--model", "smollm2-135m", "--rename", "0.5")
    assert finetune(*more, *options.split()).exit_code == 0
    [call] = training.calls
    assert call["settings"] == Settings(epochs=3.5, minutes=7.0, rate=1e-3, rank=8, alpha=16.0, packs=3, seed=5)
    wanted = {
        "model": "smollm2-135m",
        "form": "plain",
        "questions_per_pack": 4,
        "compute": "float32",
        "look": Look(values=1),
    }
    wanted["rename"] = 0.5
    assert {key: call[key] for key in wanted} == wanted


def test_some_questions_are_shown_with_what_retrieval_brings(training: Any, finetune: Finetune) -> None:
    assert finetune("--examples", "20", "--share", "0.5", "--choose", "random", "--seed", "1").exit_code == 0
    contexts = [item.context for item in training.calls[0]["training"]]
    assert len(contexts) == 20
    assert any(context.values for context in contexts)
    assert any(context == Context() for context in contexts)
    assert training.calls[0]["about"]["context"] == "rag"
    assert training.calls[0]["about"]["chosen"] == "random"
    first = training.calls[0]["training"]
    again = finetune("--name", "again", "--examples", "20", "--share", "0.5", "--choose", "random", "--seed", "1")
    assert again.exit_code == 0
    assert training.calls[1]["training"] == first


def test_how_it_goes(training: Any, finetune: Finetune, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(finetune_here.time, "monotonic", lambda: now[0])
    training.steps = [
        Step(1, 100, 1.25, 1e-4, 32, 900, 16.0, 0.01),
        Step(2, 100, 1.0, 2e-4, 64, 1800, 32.0, 0.02),
        Step(3, 100, 0.75, 2e-4, 96, 2700, 48.0, 0.03, 0.5),
        Step(4, 100, 0.75, 0.0, 128, 3600, 64.0, 1.004),  # the last step of a budget of time goes over it
    ]
    result = finetune("--context", "none")
    assert [line for line in result.stderr.splitlines() if line.startswith("step")] == [
        "step 1/100: loss 1.250, rate 1.0e-04, 2.00 examples/s, about 26 min left",
        "step 3/100: loss 0.750, held-out loss 0.500, rate 2.0e-04, 2.00 examples/s, about 26 min left",
        "step 4/100: loss 0.750, rate 0.0e+00, 2.00 examples/s, less than a minute left",
    ]


@pytest.mark.usefixtures("nothing_computed")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--name", "a/b"), "An adapter cannot be called 'a/b'"),
        (("--name", ".."), "An adapter cannot be called '..'"),
        (("--name", ""), "An adapter cannot be called ''"),
        (("--name", "a b"), "An adapter cannot be called 'a b'"),
        (
            ("--model", "gpt-9"),
            "--model gpt-9 is no embedded model; a provider's is tuned with finetune --provider openai",
        ),
        (("--resume",), "There is no training 'mine' to go on with"),
        (("--base-url", "http://x/v1"), "--base-url is for a provider: give --provider too, or leave it out"),
        (("--price", "0"), "--price is for a provider"),
        (("--batch-size", "4"), "--batch-size is for a provider"),
        (("--rate-multiplier", "2"), "--rate-multiplier is for a provider"),
        (("--chats", __file__), "--chats is for a provider"),
        (("--yes",), "--yes is for a provider"),
        (("--cancel",), "--cancel is for a provider"),
        (("--epochs", "inf"), "--epochs is inf, which is no number"),
        (("--rate", "nan"), "--rate is nan, which is no number"),
        (("--epochs", "0"), "0.0 is not in the range x>0"),
        (("--share", "2"), "2.0 is not in the range"),
        (("--rank", "0"), "0 is not in the range"),
        (("--batch", "0"), "0 is not in the range"),
        (("--examples", "0"), "0 is not in the range"),
        (("--form", "skeleton"), "'skeleton' is not one of 'plain', 'skeleton-first', 'from-first', 'implied-joins'"),
        (("--focus", "not there"), "Directory 'not there' does not exist"),
        (("--context", "rga"), "no method step 'rga' (did you mean 'rag'?)"),
        (("--context", "repair"), "method 'repair' has no step that retrieves: take rag, say, or none"),
        (("--context", "hyde"), "method 'hyde' asks a model before it retrieves, which is not done for training"),
        (("--context", "difficulty+fewshot"), "asks a model before it retrieves"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_makes_no_sense_is_refused_at_once(
    training: Any, refused: Refused, arguments: tuple[str, ...], says: str
) -> None:
    assert says in refused(*arguments)
    assert training.calls == []
    assert not adapters_dir().exists()


def test_a_folder_without_spider(training: Any, refused: Refused, tmp_path: Path) -> None:
    said = refused("--spider", str(tmp_path))
    assert "holds no Spider (no dev.json). Get it with: spider-opt data fetch" in said
    assert training.calls == []


def test_what_is_there_is_not_overwritten(training: Any, refused: Refused, tmp_path: Path) -> None:
    shipped = tmp_path / "shipped" / "spider"
    shipped.mkdir(parents=True)
    (shipped / CARD).write_text("{}")
    assert "The adapter 'spider' comes with spider-opt: give another --name" in refused("--name", "spider")
    folder = adapters_dir() / "mine"
    for name in (FILE, "checkpoint.pt"):
        folder.mkdir(parents=True)
        (folder / name).write_text("kept")
        assert "There is an adapter 'mine' already: give --resume, or another --name, or delete" in refused()
        assert (folder / name).read_text() == "kept"
        shutil.rmtree(folder)
    folder.mkdir()
    (folder / "job.json").write_text("{}")
    assert "'mine' is tuned at a provider: take another --name" in refused()
    assert training.calls == []


def test_resuming(training: Any, finetune: Finetune) -> None:
    assert finetune("--context", "none").exit_code == 0
    assert finetune("--context", "none", "--resume").exit_code == 0
    assert [call["resume"] for call in training.calls] == [False, True]


def test_two_at_once(training: Any, refused: Refused) -> None:
    folder = adapters_dir() / "mine"
    folder.mkdir(parents=True)
    with locked(folder):
        said = refused("--context", "none", code=1)
    assert "is in use by another spider-opt; wait for it or give another --name" in said
    assert training.calls == []


@pytest.mark.usefixtures("nothing_computed")
@pytest.mark.parametrize("package", ["torch", "gguf"])
def test_what_trains_is_not_installed(refused: Refused, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, package, None)
    said = refused("--name", "t", code=1)
    assert "are not installed; type: pip install 'spider-opt[train]'" in said


@pytest.mark.parametrize(
    ("name", "before", "said", "code"),
    [
        ("SIGTERM", signal.SIG_DFL, "Ended by SIGTERM", 143),
        ("SIGHUP", signal.SIG_DFL, "Ended by SIGHUP", 129),
        ("SIGINT", signal.default_int_handler, "Interrupted", 130),
        ("SIGINT", signal.SIG_IGN, "Interrupted", 130),  # as in the background of a script
        ("SIGTERM", signal.SIG_IGN, "Ended by SIGTERM", 143),
    ],
)
def test_a_signal_ends_it_as_an_interrupt_does(
    training: Any, finetune: Finetune, name: str, before: Any, said: str, code: int
) -> None:
    number = getattr(signal, name)

    def end(step: Step) -> None:
        os.kill(os.getpid(), number)

    class Signalled:
        def __iter__(self) -> Any:
            end(STEP)
            return iter([STEP])

    handler = signal.signal(number, before)
    training.steps, training.writes = Signalled(), (FILE, CARD, "checkpoint.pt")
    for file in training.writes:  # of a checkpoint before
        (adapters_dir() / "mine").mkdir(parents=True, exist_ok=True)
        (adapters_dir() / "mine" / file).write_text("lora")
    try:
        result = finetune("--context", "none", "--resume")
        assert signal.getsignal(number) is before  # as it was
    finally:
        signal.signal(number, handler)
    assert result.exit_code == code
    last = "what was learnt is the adapter mine, and the same command with --resume goes on from there."
    assert result.stderr.splitlines()[-1] == f"{said}; {last}"


def test_a_lost_terminal_ends_nothing_that_nohup_began(training: Any, finetune: Finetune) -> None:
    class Hangup:
        def __iter__(self) -> Any:
            os.kill(os.getpid(), signal.SIGHUP)
            return iter([STEP])

    handler = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    training.steps = Hangup()
    try:
        assert finetune("--context", "none").exit_code == 0
    finally:
        signal.signal(signal.SIGHUP, handler)


def test_ctrl_c_keeps_what_was_learnt(training: Any, finetune: Finetune) -> None:
    training.raises = KeyboardInterrupt()
    result = finetune("--context", "none")
    assert result.exit_code == 130
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1] == (
        "Interrupted; what was learnt is the adapter mine, and the same command with --resume goes on from there."
    )
    assert find_adapter("mine").name == "mine"
    training.raises = None
    assert finetune("--context", "none", "--resume").exit_code == 0


def test_ctrl_c_before_there_is_an_adapter(training: Any, finetune: Finetune) -> None:
    training.raises, training.writes = KeyboardInterrupt(), ("checkpoint.pt",)
    assert finetune("--context", "none").stderr.splitlines()[-1] == (
        "Interrupted; the same command with --resume goes on from there."
    )
    shutil.rmtree(adapters_dir())
    training.writes = ()
    result = finetune("--context", "none")
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == (
        "Interrupted; what was done is kept, the same command goes on from there."
    )
    training.raises, training.writes = None, (FILE, CARD)
    assert finetune("--context", "none").exit_code == 0


# --- help --------------------------------------------------------------------------------------


def test_each_option_stands_in_one_section(finetune: Finetune) -> None:
    shown = finetune("--help").stdout
    titles = ["Options", "What is learnt", "Tuning on this machine", "Tuning at a provider"]
    assert re.findall(r"^(\S.*):$", shown, re.MULTILINE) == titles
    command = main.get_command(click.Context(main), "finetune")
    assert command is not None
    for option in command.params:
        assert len(re.findall(rf"^  {option.opts[0]}\b(?!-)", shown, re.MULTILINE)) == 1, option.name
    assert {name for names in module.SECTIONS.values() for name in names} < {option.name for option in command.params}


def test_what_can_be_learnt_can_be_asked() -> None:
    command = main.get_command(click.Context(main), "finetune")
    assert command is not None
    [form] = [option.type for option in command.params if option.name == "form"]
    assert isinstance(form, click.Choice)
    assert tuple(form.choices) == get_args(AnswerForm) == tuple(TARGETS)


def test_training_is_imported_when_it_is_begun() -> None:
    program = (
        "import sys; from spider_opt.cli import main; main(['finetune', '--help'], standalone_mode=False)\n"
        "print(sorted({'openai', 'httpx', 'torch', 'transformers', 'numpy', 'sqlglot'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"
