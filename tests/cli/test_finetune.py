"""``spider-opt finetune``, with a training that learns nothing and a provider on this machine."""

from __future__ import annotations

import hashlib
import json
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from spider_opt.benchmarks import load_bundled
from spider_opt.benchmarks.heldout import is_held_out
from spider_opt.cli import finetune as module
from spider_opt.cli import main
from spider_opt.models import adapters
from spider_opt.models.adapters import CARD, FILE, adapters_dir, find_adapter
from spider_opt.models.catalog import DEFAULT_MODEL
from spider_opt.paths import locked
from spider_opt.predictions import Answer, to_line
from spider_opt.prompts.drafts import Look
from spider_opt.runs import IDENTITY
from spider_opt.scoring import Scored, write_verdicts
from spider_opt.steps.finetune import FineTuned
from spider_opt.training import base, openai_jobs, tune
from spider_opt.training.dataset import Item
from spider_opt.training.loop import Settings, Step
from spider_opt.types import Context, Outcome, Prediction, Question, Tools

ROOT = Path(__file__).resolve().parents[2]
FakeTuning: Any = runpy.run_path(str(ROOT / "tests" / "fake_tuning.py"))["FakeTuning"]
SmallSpider: Any = runpy.run_path(str(ROOT / "tests" / "benchmarks" / "conftest.py"))["SmallSpider"]
TABLES: Any = runpy.run_path(str(ROOT / "tests" / "benchmarks" / "conftest.py"))["tables_entry"]
HELD_OUT = "database_6"  # by the hash of its name, see test_heldout.py
HOSTED = ("--provider", "openai", "--model", "gpt-4.1-nano-2025-04-14", "--price", "1", "--context", "none")
SIGNS = "Too short to tell whether it was long enough."


class Tune:
    """Stands for the training: writes an adapter of four bytes, after it was told what to do."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.steps: list[Step] = []
        self.raises: BaseException | None = None
        self.found: dict[str, Any] | None = None
        self.writes = (FILE, CARD, "checkpoint.pt")

    def __call__(
        self, training: Sequence[Item], validation: Sequence[Item], databases: Any, folder: Path, **options: Any
    ) -> dict[str, Any]:
        self.calls.append({"training": training, "validation": validation, "databases": databases, **options})
        for step in self.steps:
            options["tell"](step)
        card = {
            "sha256": hashlib.sha256(b"lora").hexdigest(),
            "base": {"name": options["model"]},
            "look": {"values": options["look"].values},
            "target": options["form"],
            "training": {"examples": 1234, "minutes": 1.5, "signs": SIGNS},
        }
        card |= {"held_out": self.found} if self.found else {}
        for name in self.writes:
            (folder / name).write_text(json.dumps(card) if name == CARD else "lora")
        if self.raises:
            raise self.raises
        return card

    @property
    def ids(self) -> list[str]:
        """Of the questions that were trained on last."""
        return [item.question.id for item in self.calls[-1]["training"]]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for the module: golds that ran once need not run again."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def fake(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Tune]:
    """No training, no adapters yet, none that is shipped."""
    fake = Tune()
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(cache))
    monkeypatch.setattr(tune, "tune", fake)
    monkeypatch.setattr(base, "library", lambda: None)
    monkeypatch.setattr(adapters, "SHIPPED", tmp_path / "shipped")
    yield fake
    shutil.rmtree(cache / "adapters", ignore_errors=True)


@pytest.fixture
def nothing_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes time must not be begun."""

    def begun(*_: Any, **__: Any) -> Any:
        raise AssertionError("something was computed")

    monkeypatch.setattr("spider_opt.benchmarks.leaks.training_for", begun)
    monkeypatch.setattr("spider_opt.training.dataset.build", begun)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["finetune", *arguments])


def refused(*arguments: str, code: int = 2) -> str:
    """Return what is said to a command that is refused."""
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr.splitlines()[-1]


# --- on this machine ---------------------------------------------------------------------------


def test_held_out_questions_are_asked_at_the_end(fake: Tune, spider: Path) -> None:
    fake.found = {"n": 8, "ex": 62.5}
    result = run("--context", "none", "--spider", str(spider), "--check", "8")
    assert result.exit_code == 0, result.stderr
    [call] = fake.calls
    assert (call["check"], call["source"].split) == (8, "train")
    assert {item.question.db_id for item in call["validation"]} == {HELD_OUT}
    assert "8 questions of held-out databases: 62.5 % right" in result.stdout.splitlines()


def test_what_is_odd_in_the_questions_is_said_once(fake: Tune, spider: Path, caplog: pytest.LogCaptureFixture) -> None:
    train = spider / "train_spider.json"
    entries = json.loads(train.read_text())
    train.write_text(json.dumps([*entries, entries[0]]))
    assert run("--context", "none", "--spider", str(spider)).exit_code == 0
    assert caplog.text.count("repeat an earlier one word for word") == 1


def test_the_whole_way(fake: Tune) -> None:
    result = run("--name", "mine", "--context", "none")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        f"1,234 examples in 1.5 minutes. {SIGNS}",
        "next: spider-opt eval --method finetune:adapter=mine",
    ]
    folder = adapters_dir() / "mine"
    assert result.stderr.splitlines()[-1] == (
        f"tuning on {len(fake.ids):,} questions of 5 databases, watching 0 of held-out ones; kept in {folder}"
    )
    assert "left out: " in result.stderr
    assert find_adapter("mine").folder == folder
    [call] = fake.calls
    assert len(call["training"]) > 100
    assert all(item.context == Context() for item in call["training"])
    assert call["settings"] == Settings(alpha=32.0)
    assert call["look"] == Look(values=2)
    wanted = {"model": DEFAULT_MODEL, "form": "from-first", "n": 16, "compute": "auto", "resume": False}
    assert {key: call[key] for key in wanted} == wanted
    assert call["about"] == {
        "source": "spider-mini train",
        "fingerprint": load_bundled("train").fingerprint,
        "questions": len(call["training"]),
        "databases": 5,
        "chosen": None,
        "focus": None,
        "context": "none",
        "share": 0.7,
    }


def test_options_reach_the_training(fake: Tune) -> None:
    options = "--epochs 3.5 --minutes 7 --rate 1e-3 --rank 8 --pack 4 --batch 3 --compute float32 --seed 5 --form plain"
    more = ("--values", "1", "--context", "none", "--model", "smollm2-135m")
    assert run(*more, *options.split()).exit_code == 0
    [call] = fake.calls
    assert call["settings"] == Settings(epochs=3.5, minutes=7.0, rate=1e-3, rank=8, alpha=16.0, packs=3, seed=5)
    wanted = {"model": "smollm2-135m", "form": "plain", "n": 4, "compute": "float32", "look": Look(values=1)}
    assert {key: call[key] for key in wanted} == wanted


def test_some_questions_are_shown_with_what_retrieval_brings(fake: Tune) -> None:
    assert run("--examples", "20", "--share", "0.5", "--choose", "random", "--seed", "1").exit_code == 0
    contexts = [item.context for item in fake.calls[0]["training"]]
    assert len(contexts) == 20
    assert any(context.values for context in contexts)
    assert any(context == Context() for context in contexts)
    assert fake.calls[0]["about"]["context"] == "rag"
    assert fake.calls[0]["about"]["chosen"] == "random"
    first = fake.calls[0]["training"]
    assert (
        run("--name", "again", "--examples", "20", "--share", "0.5", "--choose", "random", "--seed", "1").exit_code == 0
    )
    assert fake.calls[1]["training"] == first


def test_how_it_goes(fake: Tune, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    fake.steps = [
        Step(1, 100, 1.25, 1e-4, 32, 900, 16.0, 0.01),
        Step(2, 100, 1.0, 2e-4, 64, 1800, 32.0, 0.02),
        Step(3, 100, 0.75, 2e-4, 96, 2700, 48.0, 0.03, 0.5),
        Step(4, 100, 0.75, 0.0, 128, 3600, 64.0, 1.004),  # the last step of a budget of time goes over it
    ]
    result = run("--context", "none")
    assert [line for line in result.stderr.splitlines() if line.startswith("step")] == [
        "step 1/100: loss 1.250, rate 1.0e-04, 2.00 examples/s, about 26 min left",
        "step 3/100: loss 0.750, held-out loss 0.500, rate 2.0e-04, 2.00 examples/s, about 26 min left",
        "step 4/100: loss 0.750, rate 0.0e+00, 2.00 examples/s, about 0 min left",
    ]


@pytest.mark.usefixtures("nothing_computed")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--name", "a/b"), "An adapter cannot be called 'a/b'"),
        (("--name", ".."), "An adapter cannot be called '..'"),
        (("--name", ""), "An adapter cannot be called ''"),
        (("--name", "a b"), "An adapter cannot be called 'a b'"),
        (("--model", "gpt-9"), "There are no weights named 'gpt-9'"),
        (("--resume",), "There is no training 'mine' to go on with"),
        (("--base-url", "http://x/v1"), "--base-url is for a provider: give --provider too, or leave it out"),
        (("--price", "0"), "--price is for a provider"),
        (("--batch-size", "4"), "--batch-size is for a provider"),
        (("--rate-multiplier", "2"), "--rate-multiplier is for a provider"),
        (("--data", __file__), "--data is for a provider"),
        (("--yes",), "--yes is for a provider"),
        (("--cancel",), "--cancel is for a provider"),
        (("--epochs", "inf"), "--epochs is inf, which is no number"),
        (("--rate", "nan"), "--rate is nan, which is no number"),
        (("--epochs", "0"), "0.0 is not in the range x>0"),
        (("--share", "2"), "2.0 is not in the range"),
        (("--rank", "0"), "0 is not in the range"),
        (("--batch", "0"), "0 is not in the range"),
        (("--examples", "0"), "0 is not in the range"),
        (("--form", "skeleton"), "'skeleton' is not one of 'plain', 'from-first'"),
        (("--focus", "not there"), "Directory 'not there' does not exist"),
        (("--context", "rga"), "no method step 'rga' (did you mean 'rag'?)"),
        (("--context", "repair"), "method 'repair' has no step that retrieves: take rag, say, or none"),
        (("--context", "hyde"), "method 'hyde' asks a model before it retrieves, which is not done for training"),
        (("--context", "difficulty+fewshot"), "asks a model before it retrieves"),
        (("--provider", "openai"), "Which of the provider's models? Name it with --model"),
        ((*HOSTED, "--batch", "4"), "--batch is for tuning on this machine: leave it out, or --provider"),
        ((*HOSTED, "--rank", "4"), "--rank is for tuning on this machine: leave it out, or --provider"),
        ((*HOSTED, "--minutes", "4"), "--minutes is for tuning on this machine"),
        ((*HOSTED, "--resume"), "--resume is for tuning on this machine"),
        ((*HOSTED, "--epochs", "1.5"), "--epochs is 1.5, but a provider takes a whole number"),
        ((*HOSTED, "--data", __file__), "--context chooses what is learnt, and so does --data: leave one of them out"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_makes_no_sense_is_refused_at_once(fake: Tune, arguments: tuple[str, ...], says: str) -> None:
    assert says in refused(*arguments)
    assert fake.calls == []
    assert not adapters_dir().exists()


def test_a_folder_without_spider(tmp_path: Path, fake: Tune) -> None:
    said = refused("--spider", str(tmp_path))
    assert "holds no Spider (no dev.json). Get it with: spider-opt data fetch" in said
    assert fake.calls == []


def test_what_is_there_is_not_overwritten(fake: Tune, tmp_path: Path) -> None:
    shipped = tmp_path / "shipped" / "spider"
    shipped.mkdir(parents=True)
    (shipped / CARD).write_text("{}")
    assert "The adapter 'spider' comes with spider-opt: give another --name" in refused("--name", "spider")
    folder = adapters_dir() / "mine"
    for name in (FILE, "checkpoint.pt"):
        folder.mkdir(parents=True)
        (folder / name).write_text("kept")
        assert "There is an adapter 'mine' already: give --resume, or another --name, or delete" in refused()
        assert "There is an adapter 'mine' of this machine already: take another --name" in refused(*HOSTED)
        assert (folder / name).read_text() == "kept"
        shutil.rmtree(folder)
    folder.mkdir()
    (folder / "job.json").write_text("{}")
    assert "'mine' is tuned at a provider: take another --name" in refused()
    assert fake.calls == []


def test_resuming(fake: Tune) -> None:
    assert run("--context", "none").exit_code == 0
    assert run("--context", "none", "--resume").exit_code == 0
    assert [call["resume"] for call in fake.calls] == [False, True]


def test_two_at_once(fake: Tune) -> None:
    folder = adapters_dir() / "mine"
    folder.mkdir(parents=True)
    with locked(folder):
        said = refused("--context", "none", code=1)
    assert "is in use by another spider-opt; wait for it or give another --name" in said
    assert fake.calls == []


@pytest.mark.usefixtures("nothing_computed")
@pytest.mark.parametrize("package", ["torch", "gguf"])
def test_what_trains_is_not_installed(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, package, None)
    assert "What trains is not installed; type: pip install 'spider-opt[train]'" in refused("--name", "t", code=1)


def test_ctrl_c_keeps_what_was_learnt(fake: Tune) -> None:
    fake.raises = KeyboardInterrupt()
    result = run("--context", "none")
    assert result.exit_code == 130
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1] == (
        "Interrupted; what was learnt is the adapter mine, and the same command with --resume goes on from there."
    )
    assert find_adapter("mine").name == "mine"
    fake.raises = None
    assert run("--context", "none", "--resume").exit_code == 0


def test_ctrl_c_before_there_is_an_adapter(fake: Tune) -> None:
    fake.raises, fake.writes = KeyboardInterrupt(), ("checkpoint.pt",)
    assert run("--context", "none").stderr.splitlines()[-1] == (
        "Interrupted; the same command with --resume goes on from there."
    )
    shutil.rmtree(adapters_dir())
    fake.writes = ()
    result = run("--context", "none")
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == (
        "Interrupted; what was done is kept, the same command goes on from there."
    )
    fake.raises, fake.writes = None, (FILE, CARD)
    assert run("--context", "none").exit_code == 0


# --- what is learnt ----------------------------------------------------------------------------


def answered(folder: Path, questions: Sequence[Question], wrong: Sequence[int], split: str = "train") -> Path:
    """Write a finished run; ``wrong`` are places among its questions."""
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({**dict.fromkeys(IDENTITY, ""), "split": split}))
    answers = [Answer(i, asked.id, asked.db_id, Prediction("SELECT 1")) for i, asked in enumerate(questions)]
    (folder / "predictions.jsonl").write_text("".join(map(to_line, answers)))
    verdicts = [
        Scored(i, asked.db_id, i not in wrong, Outcome.WRONG_ROWS if i in wrong else Outcome.CORRECT, "", "easy", "c")
        for i, asked in enumerate(questions)
    ]
    write_verdicts(verdicts, folder / "verdicts.jsonl")
    return folder


def test_what_a_run_got_wrong_is_chosen_first_and_learnt_twice(fake: Tune, tmp_path: Path) -> None:
    assert run("--context", "none", "--name", "all").exit_code == 0
    questions = [item.question for item in fake.calls[0]["training"]]
    folder = answered(tmp_path / "of-train", questions[:10], wrong=(4, 7))
    assert run("--context", "none", "--focus", str(folder), "--examples", "5").exit_code == 0
    wrong = [questions[4].id, questions[7].id]
    assert fake.ids[:4] == [wrong[0], wrong[0], wrong[1], wrong[1]]
    assert len(fake.ids) == 5
    assert (fake.calls[-1]["about"]["focus"], fake.calls[-1]["about"]["chosen"]) == ("of-train", None)


def test_nothing_is_learnt_from_an_evaluation(fake: Tune, tmp_path: Path) -> None:
    test = [example.question for example in load_bundled("test").examples[:3]]
    said = refused("--context", "none", "--focus", str(answered(tmp_path / "run", test, (0,), "test")), code=1)
    assert "cannot be learnt from: it asked test, which is of an evaluation split" in said
    assert fake.calls == []


@pytest.fixture
def spider(tmp_path: Path) -> Path:
    """A small Spider with some that may be learnt, and in each way one that must not."""
    small = SmallSpider(tmp_path / "spider")
    extra = [TABLES(db_id, "item", ["name", "price"]) for db_id in ("shop", "zoo", "school", "farm", HELD_OUT)]
    small.write("tables.json", extra)
    shutil.copytree(small.root / "database" / "school", small.root / "database" / HELD_OUT)
    (small.root / "database" / HELD_OUT / "school.sqlite").rename(small.database(HELD_OUT))
    small.write(
        "train_spider.json",
        [
            *(small.entry("school", 10 + i) for i in range(12)),
            small.entry("school", 50, question="which NAMES are there number 0"),  # asked in dev
            small.entry("school", 51, query="select name from item where 1 = 1 ;"),  # answers a question of dev
            small.entry("shop", 52),  # a database of dev
            small.entry("zoo", 53),
            *(small.entry(HELD_OUT, 60 + i) for i in range(10)),
        ],
    )
    return small.root


def test_what_leaks_is_not_learnt(fake: Tune, spider: Path) -> None:
    result = run("--context", "fewshot:by=random,k=1", "--share", "1", "--spider", str(spider))
    assert result.exit_code == 0, result.stderr
    [call] = fake.calls
    assert {item.question.db_id for item in call["training"]} == {"school", "farm"}
    assert len(call["training"]) == 13
    shown = [demo.question for item in call["training"] for demo in item.context.demos]
    assert {question.db_id for question in shown} == {"school", "farm"}
    for question in (*(item.question for item in call["training"]), *shown):
        assert not re.search(r"number 0|number 5[0-3]", question.text), question.text
    assert {item.question.db_id for item in call["validation"]} == {HELD_OUT}
    assert len(call["validation"]) == 10
    assert is_held_out(HELD_OUT)
    for said in ("2 for same database", "1 for same question", "1 for same query"):
        assert f"left out: {said} as the evaluation split has" in result.stderr
    assert "watching 10 of held-out ones" in result.stderr


def test_nothing_is_left_to_learn(fake: Tune, spider: Path) -> None:
    (spider / "train_spider.json").write_text(
        json.dumps([SmallSpider.entry("shop", 1), SmallSpider.entry(HELD_OUT, 2)])
    )
    (spider / "train_others.json").write_text(json.dumps([SmallSpider.entry("zoo", 3)]))
    said = refused("--context", "none", "--spider", str(spider))
    assert said == "Error: There is nothing to learn: no training question is left"
    assert fake.calls == []


# --- at a provider -----------------------------------------------------------------------------


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """One on this machine, and none of what trains."""
    for package in ("torch", "transformers", "gguf"):
        monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(openai_jobs, "follow", partial(openai_jobs.follow, sleep=lambda _: None))
    with FakeTuning.serving() as fake:
        yield fake


def test_tuning_at_a_provider(provider: Any, fake: Tune) -> None:
    arguments = [*HOSTED, "--base-url", provider.url, "--name", "hosted", "--values", "1", "--epochs", "2"]
    assert "To begin, type the same with --yes" in refused(*arguments)
    assert provider.requests == []
    result = run(*arguments, "--yes")
    assert result.exit_code == 0, result.stderr
    name = "ft:gpt-4.1-nano-2025-04-14:org::x"
    assert result.stdout.splitlines()[-2:] == [
        f"model: {name}",
        f"next: spider-opt eval --method finetune:adapter=hosted --base-url {provider.url} --model {name}",
    ]
    assert fake.calls == []
    chats = [json.loads(line)["messages"] for line in provider.files["file-1"]["content"].splitlines()]
    assert len(chats) > 100
    assert all(chat[-1]["content"].startswith("FROM ") for chat in chats)
    assert provider.bodies[0]["method"]["supervised"]["hyperparameters"] == {"n_epochs": 2}
    card = find_adapter("hosted").card
    assert (card["model"], card["target"], card["look"]["values"]) == (name, "from-first", 1)
    assert card["data"]["source"] == "spider-mini train"
    FineTuned("hosted").wrap(lambda task: Prediction(""), Tools())
    asked = len(provider.requests)
    assert run(*arguments).stdout == result.stdout  # goes on with what is there
    assert len(provider.requests) == asked
    other = refused(*arguments, "--seed", "1", code=1)
    assert "is of a job with seed 0: give another --name, or the same options and data" in other
    without = CliRunner().invoke(main, ["eval", "--method", "finetune:adapter=hosted", "--limit", "1"])
    assert without.exit_code == 2
    assert f"name that model, --base-url {provider.url} --model {name}" in without.stderr


def test_what_leaks_is_not_sent(provider: Any, spider: Path) -> None:
    result = run(*HOSTED, "--base-url", provider.url, "--yes", "--form", "plain", "--spider", str(spider))
    assert result.exit_code == 0, result.stderr
    train, validation = (provider.files[name]["content"] for name in ("file-1", "file-2"))
    assert (train.count("\n"), validation.count("\n")) == (13, 10)
    for text in (train, validation):
        assert not re.search(r"(?i)number 0|number 5[0-3]|where 1 = 1", text)
    assert "SELECT name FROM item WHERE 10 = 10" in train
    assert "number 60" in validation
    assert "number 60" not in train


def test_chats_of_the_users_own(provider: Any, tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl"
    chat = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "SELECT 1"}]}
    own.write_text((json.dumps(chat) + "\n") * 10)
    where = ("--provider", "openai", "--model", "gpt-x", "--price", "1", "--base-url", provider.url, "--yes")
    assert run(*where, "--data", str(own)).exit_code == 0
    assert [file["content"] for file in provider.files.values()] == [own.read_text()]
    assert find_adapter("mine").card["target"] == "plain"
    assert run(*where, "--data", str(own), "--form", "from-first").exit_code == 0
    assert find_adapter("mine").card["target"] == "from-first"


def test_cancelling_needs_only_the_name(provider: Any) -> None:
    said = refused("--provider", "openai", "--name", "hosted", "--cancel", code=1)
    assert said == f"Error: There is no job in {adapters_dir() / 'hosted'} to cancel."
    provider.ticks = [("running", [])]
    provider.faults = [("GET", r"/fine_tuning/jobs/ftjob-1", (403, {}, {"error": {"message": "no"}}))]
    assert run(*HOSTED, "--base-url", provider.url, "--name", "hosted", "--yes").exit_code == 1
    result = run("--provider", "openai", "--name", "hosted", "--cancel")
    assert (result.exit_code, result.stdout) == (0, "job ftjob-1: cancelled\n")


# --- help --------------------------------------------------------------------------------------


def test_each_option_stands_in_one_section() -> None:
    shown = run("--help").stdout
    titles = ["Options", "What is learnt", "Tuning on this machine", "Tuning at a provider"]
    assert re.findall(r"^(\S.*):$", shown, re.MULTILINE) == titles
    command = main.get_command(click.Context(main), "finetune")
    assert command is not None
    for option in command.params:
        assert len(re.findall(rf"^  {option.opts[0]}\b(?!-)", shown, re.MULTILINE)) == 1, option.name
    assert {name for names in module.SECTIONS.values() for name in names} < {option.name for option in command.params}


def test_training_is_imported_when_it_is_begun() -> None:
    program = (
        "import sys; from spider_opt.cli import main; main(['finetune', '--help'], standalone_mode=False)\n"
        "print(sorted({'openai', 'httpx', 'torch', 'transformers', 'numpy', 'sqlglot'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"
