"""Files of predictions: what fits is paired, what does not is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spider_opt.errors import PredictionsError, RunError
from spider_opt.runs.answers import Answer, mend, pair_answers, read_answers, to_line
from spider_opt.runs.info import RunInfo, ScoredBy
from spider_opt.types import Benchmark, Candidate, Example, Prediction, Question, Schema, Usage
from spider_opt.wording import in_shell

SCHEMAS = {name: Schema(name, ()) for name in ("cars", "pets")}
DB_IDS = ["cars", "gone", "pets", "cars", "pets"]  # of the split's file; there is no database for "gone"


@pytest.fixture
def benchmark():
    examples = tuple(
        Example(i, Question(f"dev-{i:04d}", f"question {i}", SCHEMAS[db_id]), f"SELECT {i}")
        for i, db_id in enumerate(DB_IDS)
        if db_id in SCHEMAS
    )
    return Benchmark("spider", "dev", examples, {}, {"gone": 1}, len(DB_IDS), "f" * 16)


# --- predictions.jsonl ---------------------------------------------------------------------------


def answer(at, sql="SELECT 1", **changes):
    told = {"index": at, "id": f"dev-{at:04d}", "db_id": DB_IDS[at], "prediction": Prediction(sql)}
    return Answer(**(told | changes))


@pytest.fixture
def write(tmp_path):
    def write(*lines):
        path = tmp_path / "predictions.jsonl"
        path.write_text("".join(line if isinstance(line, str) else to_line(line) for line in lines), encoding="utf-8")
        return path

    return write


def test_answers_are_paired_by_index_in_any_order(benchmark, write):
    path = write(answer(4, "four"), answer(0, "zero"), answer(3, "three"), answer(2, "two"))
    assert [(e.index, answer.prediction.sql) for e, answer in pair_answers(benchmark, path)] == [
        (0, "zero"),
        (2, "two"),
        (3, "three"),
        (4, "four"),
    ]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (answer(0), "answers dev-0000 twice"),
        (answer(1, id="dev-0123456789"), "no question of spider dev here"),
        (answer(1), r"names its questions by their positions \(dev-0001\).* but spider dev may have had others then"),
        (answer(2, id="dev-0003"), "no question of"),
        (answer(2, db_id="cars"), "no question of"),
    ],
)
def test_answers_that_belong_to_no_question_are_refused(benchmark, write, changed, message):
    with pytest.raises(PredictionsError, match=message):
        pair_answers(benchmark, write(answer(0), changed, answer(3), answer(4)))


def test_missing_answers_are_refused_unless_fewer_are_expected(benchmark, write):
    path = write(answer(0), answer(4))
    with pytest.raises(PredictionsError, match=r"has 2 answers, spider dev wants 4: finish the run first"):
        pair_answers(benchmark, path)
    assert len(pair_answers(benchmark, path, expected=2)) == 2
    assert len(pair_answers(benchmark, path, expected=0)) == 2
    with pytest.raises(PredictionsError, match="wants 3"):
        pair_answers(benchmark, path, expected=3)


def described(path, **changes):
    """Write a run.json beside answers."""
    told = {"benchmark": "spider", "split": "dev", "sample": "", "fingerprint": "f" * 16, "seed": 0}
    info = RunInfo("zero-shot", "zero-shot", "", "", "", **(told | changes))
    path.with_name("run.json").write_text(info.to_text())


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("bird", "is of a run that was asked bird dev, and not spider dev: name that, --benchmark bird --data DIR"),
        ("spider-mini", "and not spider dev: name that, --benchmark spider-mini"),
        ("spider-syn", "name that, --benchmark spider-syn --data SPIDER --questions FILE"),
        ("own", "spider dev has other questions or databases now"),
        ("spider", "spider dev has other questions or databases now"),
    ],
)
def test_answers_to_another_benchmark_say_which_to_name(benchmark, write, asked, said):
    path = write(answer(1), answer(0))
    described(path, benchmark=asked, fingerprint="0" * 16)
    with in_shell(), pytest.raises(PredictionsError) as raised:
        pair_answers(benchmark, path)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("n", "scorer", "said"),
    [
        (2, True, "its run was asked no more, ask all, without --limit"),
        (2, False, "finish the run first"),
        (4, True, "finish the run first"),
    ],
)
def test_a_finished_run_of_fewer_questions_is_not_called_unfinished(benchmark, write, n, scorer, said):
    path = write(answer(0), answer(2))
    described(path, n=n, scorer=ScoredBy("official", False, 10.0, "1") if scorer else None)
    with in_shell(), pytest.raises(PredictionsError, match=said):
        pair_answers(benchmark, path)


def test_a_finished_run_over_fewer_questions_than_there_are_now_is_not_called_cut(benchmark, write):
    path = write(answer(0), answer(2))
    described(path, n=2, scorer=ScoredBy("official", False, 10.0, "1"), fingerprint="0" * 16)
    with pytest.raises(PredictionsError, match=r"wants 4: these were others when its run was asked, and spider-opt sc"):
        pair_answers(benchmark, path)


@pytest.mark.parametrize(
    "line",
    [
        *("{", "[]", "null", "1", '"x"', "{}", "x", "\x00"),
        '{"index": 0, "id": "a", "db_id": "b", "sql": "x", "sql": "y"}',
        json.dumps({"index": 0, "id": "a", "db_id": "b"}),
        json.dumps({"index": "0", "id": "a", "db_id": "b", "sql": "x"}),
        json.dumps({"index": 0.5, "id": "a", "db_id": "b", "sql": "x"}),
        json.dumps({"index": True, "id": "a", "db_id": "b", "sql": "x"}),
        json.dumps({"index": 0, "id": "a", "db_id": "b", "sql": None}),
        json.dumps({"index": 0, "id": 7, "db_id": "b", "sql": "x"}),
        json.dumps({"index": 0, "id": "a", "db_id": "b", "sql": ["x"]}),
        json.dumps({"index": 0, "id": "a", "db_id": "b", "sql": "x", "usage": {"cost": 1}}),
        json.dumps({"index": 0, "id": "a", "db_id": "b", "sql": "x", "usage": 3}),
        json.dumps({"index": 0, "id": "a", "db_id": "b", "sql": "x", "trace": 3}),
        json.dumps({"index": 0, "id": "a", "db_id": "b", "sql": "x", "logprob": "-1"}),
        *(
            json.dumps({"index": 0, "id": "a", "db_id": "b", "sql": "x", "context": c})
            for c in (3, [], {"level": "easy"}, {"level": True})
        ),
    ],
)
def test_a_line_that_is_no_answer_is_refused_with_its_number(write, line):
    with pytest.raises(RunError, match="line 2 is not an answer"):
        read_answers(write(answer(0), line + "\n"))


def test_only_what_an_answer_needs_must_be_there(write):
    [found] = read_answers(write('{"index": 0, "id": "a", "db_id": "b", "sql": "x", "note": "more"}\n'))
    assert found == Answer(0, "a", "b", Prediction("x"))


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path):
    with pytest.raises(RunError, match=r"no predictions.jsonl in "):
        read_answers(tmp_path / "predictions.jsonl")
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"\xff\n")
    with pytest.raises(RunError, match="line 1 is not an answer"):
        read_answers(path)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("scratch")


CANDIDATES = st.builds(
    Candidate, st.just("vote"), st.text(), st.text(), st.sampled_from(["rows", "empty", "timeout"]),
    st.sampled_from(["", "ab"]), st.sampled_from(["", "cd"]), st.integers(1, 3), st.none() | st.floats(-9, 0),
    st.sampled_from(["", "0", "2.1"]),
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    st.text(),
    st.builds(Usage, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.floats(0, 9)),
    st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none()), max_size=2),
    st.dictionaries(st.text(), st.floats(0, 1), max_size=3),
    st.text(),
    st.lists(CANDIDATES, max_size=3),
    st.none() | st.floats(-99, 0),
)
def test_an_answer_comes_back_as_it_was(scratch, sql, usage, trace, context, text, candidates, logprob):
    path = scratch / "predictions.jsonl"
    prediction = Prediction(sql, usage, tuple(trace), logprob=logprob, text=text, candidates=tuple(candidates))
    told = answer(2, prediction=prediction, context=context)
    line = to_line(told)
    there = [key in json.loads(line) for key in ("context", "answer", "candidates", "logprob")]
    assert there == [bool(context), bool(text), bool(candidates), logprob is not None]
    assert line.count("\n") == 1
    path.write_text(line * 2, encoding="utf-8")
    assert read_answers(path) == [told, told]


def test_a_candidate_is_told_shortly(tmp_path):
    candidates = (
        Candidate("vote", "SELECT 1", "SELECT 1", "rows", "ab", n=3),
        Candidate("vote", "SELECT 2", "SELECT 2;", "query_error", logprob=-0.5),
    )
    line = to_line(answer(0, prediction=Prediction("SELECT 1", candidates=candidates)))
    assert json.loads(line)["candidates"] == [
        {"step": "vote", "sql": "SELECT 1", "outcome": "rows", "digest": "ab", "n": 3},
        {"step": "vote", "sql": "SELECT 2", "text": "SELECT 2;", "outcome": "query_error", "logprob": -0.5},
    ]
    later = line.replace('"n": 3', '"n": 3, "mood": "good"')
    (tmp_path / "predictions.jsonl").write_text(later)
    assert read_answers(tmp_path / "predictions.jsonl")[0].prediction.candidates == candidates


@pytest.mark.parametrize("change", ['"answer": 1', '"candidates": [{}]', '"candidates": 1', '"candidates": ["x"]'])
def test_candidates_that_are_none(tmp_path, change):
    path = tmp_path / "predictions.jsonl"
    path.write_text('{"index": 0, "id": "a", "db_id": "b", "sql": "x", ' + change + "}\n")
    with pytest.raises(RunError, match="line 1 is not an answer"):
        read_answers(path)


def test_half_a_surrogate_pair_can_be_written(tmp_path):
    path = tmp_path / "predictions.jsonl"
    told = answer(0, "SELECT '\ud83d é'")
    path.write_text(to_line(told) + to_line(answer(2, "SELECT 'é'")), encoding="utf-8")
    assert read_answers(path)[0] == told
    assert "SELECT 'é'" in path.read_text(encoding="utf-8")


def test_a_half_written_last_line_is_cut_off(tmp_path):
    path = tmp_path / "predictions.jsonl"
    assert mend(path) == ([], [])
    whole = to_line(answer(0)) + to_line(answer(2, "SELECT 'é'"))
    last = to_line(answer(3, "SELECT 'é'")).encode()
    for length in (0, 1, len(last) // 2, last.index(b"\xc3") + 1, len(last) - 1):
        path.write_bytes(whole.encode() + last[:length])
        assert [found.index for found in mend(path)[0]] == [0, 2]
        assert path.read_bytes() == whole.encode()
    path.write_bytes(last[:-1])
    assert mend(path) == ([], [])
    assert path.read_bytes() == b""
