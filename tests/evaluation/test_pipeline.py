"""One's own function as a method: kept, resumed and scored as ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from spider_opt.benchmarks import load
from spider_opt.errors import ModelError, ModelUnavailable, RunError
from spider_opt.evaluation.pipeline import name_of
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
    question, database = agent.asked[0]
    assert (question, database.name) == (
        mini.examples[0].question.text,
        mini.paths[mini.examples[0].question.db_id].name,
    )
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


def test_one_that_failed_at_once_and_is_mended_goes_into_the_same_folder(mini: Benchmark, tmp_path: Path) -> None:
    def agent(question: str, database: Path) -> str:
        raise ConnectionError("a key is missing")

    def mended(question: str, database: Path) -> str:
        return "SELECT 1"

    def another(question: str, database: Path) -> str:
        return "SELECT 2"

    with pytest.raises(RunError, match="a key is missing"):
        evaluate(agent, mini, limit=3, out=tmp_path / "run", progress=False)
    assert (tmp_path / "run" / "run.json").exists()
    run = evaluate(mended, mini, limit=3, out=tmp_path / "run", progress=False)
    assert (run.n, run.info.method, {answer.prediction.sql for answer in run.answers}) == (3, "mended", {"SELECT 1"})
    with pytest.raises(RunError, match="holds another run"):  # now there is something that would be mixed
        evaluate(another, mini, limit=3, out=tmp_path / "run", progress=False)
    assert {answer.prediction.sql for answer in Run.read(tmp_path / "run").answers} == {"SELECT 1"}


def bound(sql: str, question: str, database: Path) -> str:
    return sql


def made(sql: str) -> Callable[[str, Path], str]:
    there: dict[str, object] = {"sql": sql, "__name__": "__main__"}
    exec("def one(q, d): return sql", there)
    return there["one"]  # type: ignore[return-value]


def test_functions_are_never_taken_for_each_other(mini: Benchmark) -> None:
    """Of one name, from one place, made in one way; and each is known again."""
    one, two = (lambda q, d: "SELECT 1"), (lambda q, d: "SELECT 2")
    pairs = [(one, two), (made("SELECT 1"), made("SELECT 2")), (partial(bound, "SELECT 1"), partial(bound, "SELECT 2"))]
    for pair in pairs:
        for _ in range(2):
            for pipeline, sql in zip(pair, ("SELECT 1", "SELECT 2"), strict=True):
                run = evaluate(pipeline, mini, limit=1, progress=False)
                assert run.answers[0].prediction.sql == sql
                assert run.folder is not None


K = 1


def reads_k(question: str, database: Path) -> str:
    return f"SELECT {K}"


def test_what_it_reads_is_of_it(mini: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for k in (1, 2, 1):
        monkeypatch.setitem(globals(), "K", k)
        assert evaluate(reads_k, mini, limit=1, progress=False).answers[0].prediction.sql == f"SELECT {k}"
    evaluate(reads_k, mini, limit=1, out=tmp_path / "run", progress=False)
    monkeypatch.setitem(globals(), "K", 2)
    with pytest.raises(RunError, match="another run"):
        evaluate(reads_k, mini, limit=1, out=tmp_path / "run", progress=False)


class Client:
    """One of somebody else's: nothing looks into it."""

    def __init__(self) -> None:
        self.lines = (f"SELECT {i}" for i in range(100))

    def ask(self, question: str, database: Path) -> str:
        return next(self.lines)


def test_what_nothing_looks_into_is_asked_anew_unless_it_has_a_name(mini: Benchmark, tmp_path: Path) -> None:
    client = Client()
    first, second = (evaluate(client.ask, mini, limit=1, progress=False) for _ in range(2))
    assert (first.answers[0].prediction.sql, second.answers[0].prediction.sql) == ("SELECT 0", "SELECT 1")
    assert first.folder is None
    out = tmp_path / "run"
    evaluate(client.ask, mini, limit=2, out=out, progress=False)
    before = (out / "predictions.jsonl").read_bytes()
    with pytest.raises(RunError, match=r"looks into lines \(generator\): .* with name='ask'$"):
        evaluate(client.ask, mini, limit=2, out=out, progress=False)
    assert (out / "predictions.jsonl").read_bytes() == before
    assert (
        evaluate(client.ask, mini, limit=2, out=out, name="ask", progress=False).answers[1].prediction.sql == "SELECT 3"
    )


def test_answers_of_an_earlier_run_are_told(mini: Benchmark, caplog: pytest.LogCaptureFixture) -> None:
    for n, said in (("first", 0), ("second", 1)):
        caplog.clear()
        evaluate(one, mini, limit=2, progress=False)
        told = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
        assert len(told) == said, n
    assert told[0].startswith("one gave 2 of these answers in an earlier run, kept in ")


def test_what_it_changes_itself_is_no_other_function(mini: Benchmark, tmp_path: Path) -> None:
    asked: list[str] = []

    def fails_once(question: str, database: Path) -> str:
        asked.append(question)
        if len(asked) == 2:
            raise ConnectionError
        return "SELECT 1"

    with pytest.raises(RunError):
        evaluate(fails_once, mini, limit=3, out=tmp_path / "run", progress=False)
    assert evaluate(fails_once, mini, limit=3, out=tmp_path / "run", progress=False).n == 3
    assert len(asked) == 4


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


def test_what_it_answered_counts_on_disk(mini: Benchmark, tmp_path: Path) -> None:
    evaluate(Agent(mini), mini, out=tmp_path / "run", limit=3, progress=False)
    read = Run.read(tmp_path / "run", mini)
    assert list(read.table().columns[:5]) == ["id", "db_id", "question", "gold", "sql"]
