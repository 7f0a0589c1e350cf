"""One's own function as a method: kept, resumed and scored as ours."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from spider_opt.benchmarks import load
from spider_opt.errors import ModelError, ModelUnavailable, RunError
from spider_opt.evaluation.pipeline import code_of, name_of
from spider_opt.evaluation.running import evaluate
from spider_opt.leaderboard import read_row
from spider_opt.runs import Run
from spider_opt.types import Benchmark


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def mini() -> Benchmark:
    return load("spider-mini")


class Agent:
    """Knows the answers, as a test may; fails at the questions in ``fails``."""

    def __init__(self, benchmark: Benchmark) -> None:
        self.golds = {ex.question.text: ex.gold_sql for ex in benchmark.examples}
        self.asked: list[tuple[str, Path]] = []
        self.fails: set[str] = set()

    def __call__(self, question: str, database: Path) -> str:
        self.asked.append((question, database))
        if question in self.fails:
            raise ConnectionError("nobody there")
        return f"  {self.golds[question]}\n"


def test_it_is_asked_scored_and_kept(mini: Benchmark, tmp_path: Path) -> None:
    agent = Agent(mini)
    run = evaluate(agent, mini, out=tmp_path / "run", limit=6, model="gpt-x", progress=False)
    assert (run.ex, run.n) == (100.0, 6)
    assert (run.info.method, run.info.model) == ("Agent", "gpt-x")
    assert agent.asked[0] == (mini.examples[0].question.text, mini.paths[mini.examples[0].question.db_id])
    assert run.answers[0].prediction.sql == mini.examples[0].gold_sql
    assert read_row(tmp_path / "run").method == "Agent"
    evaluate(agent, mini, out=tmp_path / "run", limit=6, progress=False, model="gpt-x")
    assert len(agent.asked) == 6, "what was answered is not asked again"


def test_it_goes_on_where_it_failed(mini: Benchmark) -> None:
    agent = Agent(mini)
    bad = mini.examples[2].question
    agent.fails = {bad.text}
    with pytest.raises(RunError, match=rf"1 question has no answer \({bad.id}: agent raised ConnectionError: nobody"):
        evaluate(agent, mini, limit=4, name="agent", progress=False)
    with pytest.raises(RunError) as caught:
        evaluate(agent, mini, limit=4, name="agent", progress=False)
    assert isinstance(caught.value.__cause__, ModelError)
    assert isinstance(caught.value.__cause__.__cause__, ConnectionError), "one's own error, with its traceback"
    agent.fails = set()
    run = evaluate(agent, mini, limit=4, name="agent", progress=False)
    assert (run.ex, len(agent.asked)) == (100.0, 6)


def test_functions_with_a_state_are_never_taken_for_each_other(mini: Benchmark) -> None:
    """What is captured, bound or held is not in a function's source."""

    def make(sql: str) -> object:
        return lambda question, database: sql

    made: dict[str, object] = {}
    exec("def one(q, d): return 'SELECT 1'", made)
    first = made["one"]
    exec("def one(q, d): return 'SELECT 2'", made)
    two = (partial(bound, "SELECT 1"), partial(bound, "SELECT 2"))
    for one, other in ((make("SELECT 1"), make("SELECT 2")), two, (first, made["one"])):
        for pipeline, sql in ((one, "SELECT 1"), (other, "SELECT 2")):
            run = evaluate(pipeline, mini, limit=1, progress=False)  # type: ignore[arg-type]
            assert (run.answers[0].prediction.sql, run.folder) == (sql, None)


def bound(sql: str, question: str, database: Path) -> str:
    return sql


def test_what_says_that_nothing_answers_any_more_stops_it(mini: Benchmark) -> None:
    asked: list[str] = []

    def gone(question: str, database: Path) -> str:
        asked.append(question)
        raise ModelUnavailable("the quota is used up")

    with pytest.raises(ModelUnavailable, match=r"^the quota is used up$"):
        evaluate(gone, mini, limit=4, progress=False)
    assert len(asked) == 1


@pytest.mark.parametrize(("returned", "kind"), [(None, "NoneType"), (7, "int"), (b"SELECT 1", "bytes")])
def test_what_is_no_text_is_no_answer(mini: Benchmark, returned: object, kind: str) -> None:
    with pytest.raises(RunError, match=f"returned {kind} where the text of a query is due"):
        evaluate(lambda question, database: returned, mini, limit=1, progress=False)  # type: ignore[arg-type,return-value]


def test_notes_are_a_line_of_their_own(mini: Benchmark) -> None:
    seen: list[str] = []

    def listens(question: str, database: Path) -> str:
        seen.append(question)
        return "SELECT 1"

    example = mini.examples[0]
    noted = replace(mini, examples=(replace(example, question=replace(example.question, notes="a member pays")),))
    evaluate(listens, noted, cache=False, progress=False)
    assert seen == [f"{example.question.text}\na member pays"]


def one(question: str, database: Path) -> str:
    return "SELECT 1"


def two(question: str, database: Path) -> str:
    return "SELECT 2"


def test_an_edited_function_is_another_run(mini: Benchmark, tmp_path: Path) -> None:
    assert code_of(one) != code_of(two)
    evaluate(one, mini, out=tmp_path / "run", limit=1, name="mine", progress=False)
    assert evaluate(one, mini, out=tmp_path / "run", limit=1, name="mine", progress=False).n == 1
    with pytest.raises(RunError, match="steps is 'mine "):
        evaluate(two, mini, out=tmp_path / "run", limit=1, name="mine", progress=False)
    assert evaluate(two, mini, limit=1, name="mine", progress=False).answers[0].prediction.sql == "SELECT 2"
    assert evaluate(one, mini, limit=1, name="mine", progress=False).answers[0].prediction.sql == "SELECT 1"


@pytest.mark.parametrize(
    ("pipeline", "name"), [(one, "one"), (partial(one), "partial"), (Agent(load("spider-mini")), "Agent")]
)
def test_names(pipeline: object, name: str) -> None:
    assert name_of(pipeline) == name  # type: ignore[arg-type]


def test_source_that_is_not_to_be_had() -> None:
    made: dict[str, object] = {}
    exec("def typed(question, database): return 'SELECT 1'", made)
    assert code_of(made["typed"]) == ""  # type: ignore[arg-type]
    assert code_of(len) == ""  # type: ignore[arg-type]


def test_what_it_answered_counts_on_disk(mini: Benchmark, tmp_path: Path) -> None:
    evaluate(Agent(mini), mini, out=tmp_path / "run", limit=3, progress=False)
    read = Run.read(tmp_path / "run", mini)
    assert list(read.table().columns[:5]) == ["id", "db_id", "question", "gold", "sql"]
