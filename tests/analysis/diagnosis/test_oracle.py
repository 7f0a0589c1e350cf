from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from fake_model import FakeModel
from wrong_answers import ANSWERS, GOLDS, TRAINING, answered, asked, music

import spider_opt as so
from spider_opt.analysis.diagnosis.causes import RUNGS, Rung
from spider_opt.analysis.diagnosis.examining import examine
from spider_opt.analysis.diagnosis.files import COLUMNS, to_csv, write
from spider_opt.analysis.diagnosis.oracle import OracleAnswer, OracleFindings, ask_oracle, read_oracle
from spider_opt.analysis.diagnosis.oracle.answers import FILE, Group
from spider_opt.analysis.diagnosis.oracle.context import OracleContext, contexts
from spider_opt.analysis.diagnosis.text import examined_to_markdown
from spider_opt.errors import ModelError, PredictionsError, RunError, SpiderOptError, UsageError
from spider_opt.paths import locked
from spider_opt.runs import Run, find_runs
from spider_opt.runs.answers import Answer
from spider_opt.types import Benchmark, Context, ModelInfo, Prediction, Question, Request, Task

QUESTIONS = list(GOLDS)


@pytest.fixture
def benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benchmark:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return music()


def knowing(needs: Mapping[int, Any]) -> FakeModel:
    def answer(request: Request) -> str:
        question = asked(request, QUESTIONS)
        is_enough = needs.get(QUESTIONS.index(question), lambda text: False)
        return GOLDS[question] if is_enough(request.text) else ANSWERS[question]

    return FakeModel(answer, info=ModelInfo("fake", "ab" * 32), cache_tag="fake")


def only_singer(text: str) -> bool:
    return "CREATE TABLE song" not in text and "age INT" in text


def only_columns(text: str) -> bool:
    return "country TEXT" not in text and "song" in text


def peru(text: str) -> bool:
    return "singer.country = 'Peru'" in text


def zoo(text: str) -> bool:
    return "Which zoos have no animals?" in text


NEEDS = {1: only_singer, 2: peru, 3: only_columns, 5: zoo}


def test_each_rung_mends_what_it_brings(benchmark: Benchmark) -> None:
    found = so.diagnose(answered(benchmark))
    told: list[str] = []
    model = knowing(NEEDS)
    oracle = ask_oracle(found, benchmark, "oracle", model=model, controls=2, tell=told.append)
    assert oracle.mended == {1: Rung.TABLES, 3: Rung.COLUMNS, 2: Rung.VALUES, 5: Rung.DEMO}
    assert oracle.stayed == {4}
    assert [oracle.mended_at(rung) for rung in RUNGS] == [1, 1, 1, 1]
    assert told[0].startswith("the oracle asks at most ")
    assert oracle.usage == model.spent
    at_most = int(told[0].split("at most ")[1].split()[0])
    assert len(model.requests) <= at_most


def test_gold_stands_in_the_prompt_and_nothing_else_changes(benchmark: Benchmark) -> None:
    found = so.diagnose(answered(benchmark))
    model = knowing({})
    ask_oracle(found, benchmark, "oracle", model=model, controls=0)
    plain = knowing({})
    so.evaluate("zero-shot", benchmark, model=plain, out="plain", progress=False, cache=False)
    instruction = {request.messages[0] for request in plain.requests}
    assert {request.messages[0] for request in model.requests} == instruction
    assert {request.max_tokens for request in model.requests} == {request.max_tokens for request in plain.requests}
    for gold in GOLDS.values():
        assert not any(gold in prompt for prompt in model.prompts)  # never the query itself
    demos = [prompt for prompt in model.prompts if "each with its query:" in prompt]
    assert demos
    assert all(any(question in prompt for question in TRAINING) for prompt in demos)


def test_nothing_is_asked_twice_and_without_a_model_it_is_the_same(benchmark: Benchmark) -> None:
    found = so.diagnose(answered(benchmark))
    assert read_oracle(found, benchmark, "oracle") is None
    first = ask_oracle(found, benchmark, "oracle", model=knowing(NEEDS), controls=2)
    silent = FakeModel(info=ModelInfo("fake", "ab" * 32), cache_tag="fake")  # asks fail
    told: list[str] = []
    again = ask_oracle(found, benchmark, "oracle", model=silent, controls=2, tell=told.append)
    assert again == first
    assert told == ["nothing is left to ask: all answers are there"]
    assert read_oracle(found, benchmark, "oracle") == first
    lines = Path("oracle", FILE).read_text().splitlines()
    keys = [(e["oracle"], e["group"], e["index"]) for e in map(json.loads, lines[1:])]
    assert len(keys) == len(set(keys))


def test_a_killed_asking_goes_on(benchmark: Benchmark) -> None:
    found = so.diagnose(answered(benchmark))
    calls, good = 0, knowing(NEEDS)

    def breaks(request: Request) -> Any:
        nonlocal calls
        calls += 1
        return ModelError("it is away") if calls > 3 else good.complete(request)

    info = ModelInfo("fake", "ab" * 32)
    with pytest.raises(RunError, match="got no answer"):
        ask_oracle(found, benchmark, "oracle", model=FakeModel(breaks, info=info, cache_tag="x"), controls=1)
    kept = len(Path("oracle", FILE).read_text().splitlines())
    assert kept == 4
    assert read_oracle(found, benchmark, "oracle") is None
    with Path("oracle", FILE).open("a") as file:
        file.write('{"oracle": "tab')  # killed while it wrote
    done = ask_oracle(found, benchmark, "oracle", model=knowing(NEEDS), controls=1)
    whole = ask_oracle(found, benchmark, "whole", model=knowing(NEEDS), controls=1)
    assert done.mended == whole.mended


def test_controls(benchmark: Benchmark) -> None:
    found = so.diagnose(answered(benchmark))

    def answer(request: Request) -> str:
        question = asked(request, QUESTIONS)
        turned = request.text.index("CREATE TABLE s") if "CREATE TABLE song" in request.text else 0
        first = request.text[turned:].startswith("CREATE TABLE song")
        if question == QUESTIONS[1]:
            return GOLDS[question] if first else ANSWERS[question]  # right where the tables stand the other way round
        if question == QUESTIONS[0]:
            return "SELECT 7" if "song" not in request.text else GOLDS[question]  # wrong with gold's tables alone
        return ANSWERS[question]

    model = FakeModel(answer, info=ModelInfo("fake", "ab" * 32), cache_tag="fake")
    oracle = ask_oracle(found, benchmark, "oracle", model=model, controls=9)
    assert (oracle.by_chance.n, oracle.by_chance.turned) == (5, 1)
    assert (oracle.broken_by_all.n, oracle.broken_by_all.turned) == (1, 1)
    said = examined_to_markdown(examine(found, benchmark, oracle))
    assert "of 5 wrong answers asked with the tables in another order 1 turned right" in said
    assert "of 1 right answer asked with all of gold's context 1 turned wrong; these are too few to say" in said
    assert "points would" not in said
    assert "would bring about" not in said
    more = replace(
        oracle,
        by_chance=replace(oracle.by_chance, n=30),
        broken={r: replace(c, n=30) for r, c in oracle.broken.items()},
    )
    said = examined_to_markdown(examine(found, benchmark, more))
    assert f"1 turned right, as {100 * oracle.asked / found.n / 30:.1f} of the points would" in said
    assert "would bring about" in said
    assert "too few" not in said
    more = ask_oracle(found, benchmark, "few", model=model, controls=1)
    assert more.by_chance.n == 1


def test_what_is_neither_s_fault_is_not_asked(benchmark: Benchmark) -> None:
    run = answered(benchmark)
    verdicts = tuple(replace(v, metrics={"official": v.correct, "corrected": True}) for v in run.verdicts)
    found = so.diagnose(replace(run, verdicts=verdicts))
    model = knowing({})
    oracle = ask_oracle(found, benchmark, "oracle", model=model, controls=0)
    assert (oracle.asked, model.requests) == (0, [])


def test_steps_around_it_stay_what_they_are(benchmark: Benchmark) -> None:
    """``repair`` mends the oracle's answers as it does any; what ``schema`` brings stays beside gold's."""
    run = answered(benchmark, method="schema+repair")
    found = so.diagnose(run)
    assert 3 not in found.by_index  # mended by a join
    model = knowing(NEEDS)
    oracle = ask_oracle(found, benchmark, "oracle", model=model, controls=1)
    assert oracle.mended.get(1) is Rung.TABLES


def test_a_folder_that_another_writes_into_is_refused(benchmark: Benchmark) -> None:
    Path("oracle").mkdir()
    model = knowing(NEEDS)
    with locked(Path("oracle")), pytest.raises(RunError, match="oracle is in use by another run"):
        ask_oracle(so.diagnose(answered(benchmark)), benchmark, "oracle", model=model)
    assert model.requests == []


# --- it cannot get into a run ------------------------------------------------------------------
def test_the_answers_of_an_oracle_are_no_predictions(benchmark: Benchmark, tmp_path: Path) -> None:
    ask_oracle(so.diagnose(answered(benchmark)), benchmark, "oracle", model=knowing(NEEDS), controls=9)
    file = Path("oracle", FILE)
    for options in ({}, {"field": "saw_gold_and_said"}, {"extract": True}):
        with pytest.raises(PredictionsError, match="answers of an oracle, which saw gold"):
            so.score(file, benchmark, **options)
    copied = Path("predictions.json")
    entries = [json.loads(line) for line in file.read_text().splitlines()]
    copied.write_text(json.dumps(entries))
    with pytest.raises(PredictionsError, match="answers of an oracle"):
        so.score(copied, benchmark)
    disguised = Path("disguised")
    disguised.mkdir()
    told = [{**e, "db_id": "music", "sql": e.get("saw_gold_and_said", "")} for e in entries[1:]]
    for name in ("run.json", "verdicts.jsonl"):
        (disguised / name).write_bytes(Path("run", name).read_bytes())
    (disguised / "predictions.jsonl").write_text("".join(json.dumps(e) + "\n" for e in told))
    for taken in (lambda: Run.read(disguised), lambda: so.score(disguised, benchmark)):
        with pytest.raises(SpiderOptError, match="saw gold"):
            taken()
    assert Path("oracle") not in find_runs(Path())
    with pytest.raises(RunError, match="no run in"):
        Run.read("oracle")


def test_what_an_oracle_shows_and_hears_has_types_of_its_own() -> None:
    assert not issubclass(OracleContext, Context)
    assert not issubclass(OracleAnswer, Prediction | Answer)
    assert "sql" not in {field.name for field in fields(OracleAnswer)}
    assert "gold_sql" not in {field.name for field in fields(Question)}


def test_only_the_oracle_s_folder_shows_gold() -> None:
    """Nobody outside makes an ``OracleContext``, and no step, prompt or run knows of the folder."""
    package = Path(inspect.getfile(so)).parent
    knows = [
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if "OracleContext" in path.read_text() or "oracle.context" in path.read_text()
    ]
    assert knows
    assert all(name.startswith("analysis/diagnosis/oracle/") for name in knows)


def test_other_runs_and_other_models_are_refused(benchmark: Benchmark) -> None:
    found = so.diagnose(answered(benchmark))
    ask_oracle(found, benchmark, "oracle", model=knowing({}), controls=0)
    other = so.diagnose(answered(benchmark, "other", method="zero-shot:values=0"))
    with pytest.raises(RunError, match="of another run, or was asked otherwise"):
        ask_oracle(other, benchmark, "oracle", model=knowing({}))
    with pytest.raises(UsageError, match="other weights or another adapter"):
        ask_oracle(found, benchmark, "fresh", model=FakeModel("SELECT 1", info=ModelInfo("fake", "cd" * 32)))
    pipeline = so.evaluate(lambda question, database: "SELECT 1", benchmark, out="own", name="mine", progress=False)
    with pytest.raises(UsageError, match="cannot be asked"):
        ask_oracle(so.diagnose(pipeline), benchmark, "fresh")
    with pytest.raises(UsageError, match="is a run's folder"):
        ask_oracle(found, benchmark, "run", model=knowing({}))
    assert not Path("run", FILE).exists()
    Path("broken").mkdir()
    Path("broken", FILE).write_text("SELECT 1\n")
    with pytest.raises(RunError, match="none of the oracle's files"):
        read_oracle(found, benchmark, "broken")


# --- what stands in it -------------------------------------------------------------------------
def test_contexts(benchmark: Benchmark) -> None:
    by_question = {e.question.text: contexts(e, None) for e in benchmark.examples}
    sang = by_question["Who sang Hello?"]
    assert sang[Rung.TABLES].tables == ()  # gold reads all there is
    assert sang[Rung.COLUMNS].tables == (("singer", ("id", "name")), ("song", ("singer_id", "title")))
    assert sang[Rung.VALUES].values == (("song", "title", "Hello"),)
    counted = by_question["How many singers are there?"]
    assert counted[Rung.COLUMNS].tables == (("singer", ("id",)),)  # its key stands for a table that is only counted
    assert counted[Rung.DEMO] == counted[Rung.COLUMNS]


def test_what_retrieval_brought_stays_where_it_is_gold_s(benchmark: Benchmark) -> None:
    example = benchmark.examples[3]
    brought = Context(values=(("song", "title", "Rain"), ("singer", "country", "Peru")))
    task = Task(example.question, FakeModel(), brought)
    columns = contexts(example, None)[Rung.COLUMNS].added_to(task).context
    assert columns.values == (("song", "title", "Rain"),)
    turned = OracleContext(reordered=True).added_to(task)
    assert [table.name for table in turned.question.schema.tables] == ["song", "singer"]
    assert turned.context == brought


# --- what is said of it ------------------------------------------------------------------------
def test_next_step_and_files(benchmark: Benchmark, tmp_path: Path) -> None:
    found = so.diagnose(answered(benchmark))
    oracle = ask_oracle(found, benchmark, "oracle", model=knowing(NEEDS), controls=0)
    examined = examine(found, benchmark, oracle)
    assert examined.standing.context == pytest.approx((100 * 4 / 6,) * 2)
    assert examined.standing.behaviour == pytest.approx((100 / 6,) * 2)
    assert examined.standing.database == pytest.approx(50)
    assert examined.steps[0].step == "repair"  # 2 of 5 do not run, or have another value
    assert examined.steps[0].at_most == pytest.approx(100 * 2 / 6)
    assert {step.step: round(step.at_most, 1) for step in examined.steps} == {
        "repair": 33.3, "schema": 50.0, "fewshot": 16.7, "finetune": 16.7, "vote": 16.7
    }  # fmt: skip
    rows = to_csv(examined).splitlines()
    assert rows[0] == ",".join(COLUMNS)
    assert len(rows) == 7
    assert rows[1].split(",")[4:] == ["1"] + [""] * 8
    assert rows[5].endswith(",behaviour")
    assert [path.name for path in write(examined, tmp_path / "there")] == ["diagnosis.json", "diagnosis.csv"]
    assert json.loads((tmp_path / "there" / "diagnosis.json").read_text())["oracle"]["stayed"] == 1


def test_findings_without_controls() -> None:
    empty = OracleFindings({}, frozenset())
    assert (empty.by_chance.share, empty.broken_by_all.n, empty.asked) == (0, 0, 0)
    assert Group("wrong") is Group.WRONG
