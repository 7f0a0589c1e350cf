from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spider_opt.analysis.comparing import compare
from spider_opt.analysis.regression import check, unseen
from spider_opt.errors import RegressionError, RunError, SpiderOptError, UsageError
from spider_opt.runs import Run

Make = Callable[..., Path]
BASE = "+" * 30 + "-" * 10


def lost(base: Path | Run, run: Path | Run, **options: Any) -> RegressionError:
    """Check a run that is worse."""
    with pytest.raises(RegressionError) as raised:
        check(run, base, **options)
    return raised.value


# --- worse than chance explains ----------------------------------------------------------------


def test_a_run_that_lost_much_fails_and_names_what_it_lost(make_run: Make) -> None:
    base, run = make_run("base", BASE), make_run("run", "-" * 10 + "+" * 21 + "-" * 9)
    error = lost(base, run)
    assert error.lost == tuple(f"dev-{i:04d}" for i in range(10))
    assert error.change == -22.5
    assert error.low < -22.5 < error.high < 0
    assert str(error).startswith(
        f"{run} fails against {base}: all of the interval lies below 0; "
        "EX changed by -22.5 points (95 % interval -44.6 to -0.4)"
    )
    assert str(error).endswith(
        " on 40 questions, 1 won and 10 lost: dev-0000, dev-0001, dev-0002, dev-0003, dev-0004 and 5 more"
    )


def test_what_chance_explains_passes(make_run: Make) -> None:
    base, run = make_run("base", BASE), make_run("run", "-" + BASE[1:])
    found = check(run, base)
    assert (found.n, found.won, found.lost, found.change) == (40, 0, 1, -2.5)
    assert found.low < -2.5 < 0 < found.high


def test_a_better_run_passes_and_an_equal_one_too(make_run: Make) -> None:
    base = make_run("base", BASE)
    assert check(make_run("better", "+" * 40), base).change == 25
    same = check(make_run("same", BASE), base)
    assert (same.change, same.low, same.high, same.lost) == (0, 0, 0, 0)


def test_the_margin_is_what_may_be_lost(make_run: Make) -> None:
    base, run = make_run("base", "+" * 40), make_run("run", "-" * 16 + "+" * 24)
    found = compare(run, base)
    assert found.high < -1
    edge = -found.high
    assert "all of the interval lies below -1;" in str(lost(base, run, margin=1))
    lost(base, run, margin=edge - 1e-9)
    assert check(run, base, margin=edge) == found  # it must lie below, not at


def test_by_database_more_is_left_to_chance(make_run: Make) -> None:
    """Of three databases one lost everything."""
    base, run = make_run("base", "+" * 60), make_run("run", "-++" * 20)
    lost(base, run)
    assert check(run, base, by="database").lost == 20


def test_which_questions_lean_on_each_other_decides_what_is_chance(make_run: Make) -> None:
    """All of one database were lost, of three: as 20 gold queries it is much, as databases it may be chance."""
    base, run = make_run("base", "+" * 60), make_run("run", "-++" * 20)
    by_query, by_database = (compare(run, base, by=by) for by in ("query", "database"))
    assert (by_query.won, by_query.lost, by_query.change) == (by_database.won, by_database.lost, by_database.change)
    assert by_query.high < 0 <= by_database.high
    assert lost(base, run, by="query").high == lost(base, run).high == by_query.high
    assert check(run, base, by="database") == by_database
    # The other way round: half is lost of each database, in half of the gold queries.
    spread = make_run("spread", "-" * 30 + "+" * 30)
    by_query, by_database = (compare(spread, base, by=by) for by in ("query", "database"))
    assert by_query.low < -60 < -40 < by_query.high
    assert by_database.low < -55 < -45 < by_database.high < 0, "that three are alike is not that all are"
    with pytest.raises(RegressionError):
        check(make_run("none", "-" * 60), base, by="database")


# --- every -------------------------------------------------------------------------------------


def test_every_lost_question_counts(make_run: Make) -> None:
    base, run = make_run("base", BASE), make_run("run", "-" + "+" * 39)
    assert check(run, base).won == 10
    error = lost(base, run, every=True)
    assert (error.lost, error.change) == (("dev-0000",), 22.5)
    assert "a question was lost; EX changed by +22.5 points" in str(error)
    assert str(error).endswith("10 won and 1 lost: dev-0000")
    assert lost(base, run, every=True, margin=50).lost == ("dev-0000",)
    assert check(make_run("better", "+" * 40), base, every=True).won == 10


# --- non-inferior ------------------------------------------------------------------------------


def test_non_inferior_must_be_shown(make_run: Make) -> None:
    base, run = make_run("base", BASE), make_run("run", "-+" + "+" * 28 + "+" + "-" * 9)
    found = check(run, base)
    assert found.change == 0
    assert found.low < 0 < found.high
    error = lost(base, run, non_inferior=True)
    assert "the interval does not lie wholly above 0; EX changed by +0.0 points" in str(error)
    assert error.lost == ("dev-0000",)
    lost(base, run, non_inferior=True, margin=-found.low)  # it must lie above, not at
    assert check(run, base, non_inferior=True, margin=-found.low + 1e-9) == found


def test_a_better_run_is_non_inferior(make_run: Make) -> None:
    base, run = make_run("base", BASE), make_run("run", "+" * 40)
    assert check(run, base, non_inferior=True).low > 0


def test_that_nothing_differs_is_not_passed_over_in_silence(make_run: Make, caplog: pytest.LogCaptureFixture) -> None:
    base, same = make_run("base", BASE), make_run("same", BASE)
    check(same, base)
    assert caplog.messages == []
    assert check(same, base, non_inferior=True, margin=1).change == 0
    [said] = caplog.messages
    assert said.startswith(f"no verdict differs between {same} and {base}")
    assert said.endswith("does not exclude a loss of 16.8 points")  # 20 gold queries
    error = lost(base, same, non_inferior=True)
    assert error.lost == ()
    assert str(error).endswith("0 won and 0 lost")


def test_a_loss_that_went_unseen() -> None:
    for n in (2, 20, 500):
        assert (1 - unseen(n) / 100) ** n == pytest.approx(0.025)


# --- too few to tell ---------------------------------------------------------------------------


@pytest.mark.parametrize("marks", ["--", "++"])
@pytest.mark.parametrize("options", [{}, {"non_inferior": True}, {"non_inferior": True, "every": True}])
def test_one_gold_query_tells_nothing(make_run: Make, marks: str, options: dict[str, bool]) -> None:
    base, run = make_run("base", "++"), make_run("run", marks)
    with pytest.raises(UsageError, match=r"all questions of .*base are of one gold query, too few to tell"):
        check(run, base, margin=5, **options)
    with pytest.raises(UsageError, match="of one database"):
        check(make_run("one-run", "-"), make_run("one", "+"), by="database")


def test_of_one_gold_query_every_question_can_count(make_run: Make) -> None:
    base = make_run("base", "+-")
    error = lost(base, make_run("run", "-+"), every=True)
    assert error.lost == ("dev-0000",)
    assert math.isnan(error.low)
    assert "interval" not in str(error)
    assert check(make_run("better", "++"), base, every=True).won == 1


# --- what does not fit -------------------------------------------------------------------------

OTHER = [
    ({"split": "train"}, UsageError, "was asked spider train, but .*base was asked spider dev"),
    ({"benchmark": "spider-mini"}, UsageError, "was asked spider-mini dev"),
    ({"fingerprint": "g"}, UsageError, "with other questions or databases"),
    ({"scorer": {"mode": "strict", "keep_distinct": False, "timeout_s": 10.0, "version": "1"}}, UsageError, "strict"),
    ({"scorer": {"mode": "official", "keep_distinct": True, "timeout_s": 10.0, "version": "1"}}, UsageError, "keep-d"),
    ({"start": 40}, UsageError, "no question in common"),
    ({"without": "scorer"}, RunError, "is unfinished"),
]


@pytest.mark.parametrize(("changes", "kind", "said"), OTHER, ids=lambda value: str(value)[:30])
def test_runs_that_do_not_fit(make_run: Make, changes: dict[str, Any], kind: type[Exception], said: str) -> None:
    base, run = make_run("base", BASE), make_run("run", BASE, **changes)
    with pytest.raises(kind, match=said):
        check(run, base)


def test_a_baseline_that_is_unfinished(make_run: Make) -> None:
    with pytest.raises(RunError, match="base is unfinished"):
        check(make_run("run", BASE), make_run("base", BASE, without="scorer"))
    with pytest.raises(RunError, match="no run in"):
        check(make_run("other", BASE), "nowhere")


@pytest.mark.parametrize("options", [{}, {"every": True}, {"non_inferior": True, "margin": 5}])
def test_fewer_questions_than_the_baseline_do_not_pass(make_run: Make, options: dict[str, Any]) -> None:
    base, run = make_run("base", BASE), make_run("run", BASE[:33])
    with pytest.raises(UsageError) as raised:
        check(run, base, **options)
    assert str(raised.value) == (
        f"{run} lacks 7 of the 40 questions of {base} (dev-0033, dev-0034, dev-0035, dev-0036, dev-0037 and 2 more): "
        "ask them too, or take another baseline"
    )


def test_more_questions_than_the_baseline_do_no_harm(make_run: Make) -> None:
    base = make_run("base", "++++")
    assert check(make_run("run", "++++" + "-" * 20), base).n == 4


@pytest.mark.parametrize("margin", [-1, math.nan, math.inf])
def test_a_margin_that_makes_no_sense(make_run: Make, margin: float) -> None:
    with pytest.raises(UsageError, match=f"margin is {margin}, but must be a number from 0 on"):
        check(make_run("run", BASE), make_run("base", BASE), margin=margin)


def test_two_runs_of_one_name_can_be_told_apart(make_run: Make) -> None:
    base, worse = Run.read(make_run("base", BASE)), Run.read(make_run("run", "-" * 40))
    same = [replace(run, folder=None) for run in (worse, base)]
    assert same[0].where == same[1].where == "zero-shot"
    said = str(lost(same[1], same[0]))
    assert said.startswith("zero-shot (the run) fails against zero-shot (the baseline): ")
    files = [replace(run, called=called) for run, called in zip(same, ("new/a.txt", "old/a.txt"), strict=True)]
    assert str(lost(files[1], files[0])).startswith("new/a.txt fails against old/a.txt: ")


@pytest.mark.parametrize("other", [None, 3, [], object()])
def test_what_is_no_run(make_run: Make, other: Any) -> None:
    base = make_run("base", BASE)
    for one, two in ((other, base), (base, other)):
        with pytest.raises(UsageError, match="but must be a run, or the folder of one"):
            check(one, two)


def test_a_run_beside_itself_passes_but_not_in_silence(
    make_run: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    base = make_run("base", BASE)
    monkeypatch.chdir(tmp_path)
    run = Run.read(base)
    made = replace(run, folder=None)
    for one, other, name in (("base", base, "base"), (run, run, base), (run, "base", base), (made, made, "zero-shot")):
        caplog.clear()
        assert check(one, other).change == 0
        assert caplog.messages == [f"{name} is compared with itself: no change can be seen"]


def test_another_time_limit_is_another_rule(make_run: Make) -> None:
    hasty = {"mode": "official", "keep_distinct": False, "timeout_s": 0.5, "version": "1"}
    with pytest.raises(UsageError, match=r"run gave a query 0\.5 s, but .*base 10 s: score one of them again"):
        check(make_run("run", BASE, scorer=hasty), make_run("base", BASE))


# --- the error ---------------------------------------------------------------------------------


def test_the_error_is_one_of_ours_and_one_of_pytests() -> None:
    error = RegressionError("worse", ["dev-0001"], change=-1.0, low=-2.0, high=-0.5)
    assert isinstance(error, SpiderOptError)
    assert isinstance(error, AssertionError)
    assert error.exit_code == 1
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.lost, again.change, again.low, again.high) == ("worse", ("dev-0001",), -1.0, -2.0, -0.5)


# --- runs that were read, or just made ----------------------------------------------------------


def test_runs_in_hand(make_run: Make) -> None:
    base, run = make_run("base", BASE), make_run("run", "-" * 10 + "+" * 21 + "-" * 9)
    read_base, read_run = Run.read(base), Run.read(run)
    assert lost(base, run).lost == lost(read_base, read_run).lost == lost(base, read_run).lost
    assert compare(read_run, read_base) == compare(run, base)
    made = replace(read_run, folder=None)
    assert "zero-shot fails against " in str(lost(base, made))


# --- two runs ----------------------------------------------------------------------------------


def test_compare_is_what_a_run_changed(make_run: Make, caplog: pytest.LogCaptureFixture) -> None:
    base, run = make_run("base", "++--" * 5), make_run("run", "+++-" * 5)
    there, back = compare(run, base), compare(str(base), str(run))
    assert (there.n, there.won, there.lost, there.change) == (20, 5, 0, 25)
    assert (back.won, back.lost, back.change) == (0, 5, -25)
    by_database = compare(run, base, by="database")
    assert by_database.change == 25
    assert by_database.low != there.low
    assert caplog.messages == []


def test_compare_looks_at_what_both_answered_and_says_so(make_run: Make, caplog: pytest.LogCaptureFixture) -> None:
    base, run = make_run("base", "++--" * 5), make_run("run", "+++-")
    assert compare(run, base).n == 4
    assert caplog.messages == [f"16 of the 20 questions of {base} left out: {run} has no answer to them"]
    assert compare(base, run).n == 4
    assert len(caplog.messages) == 1


@pytest.mark.parametrize(("changes", "kind", "said"), OTHER, ids=lambda value: str(value)[:30])
def test_runs_that_cannot_be_compared(
    make_run: Make, changes: dict[str, Any], kind: type[Exception], said: str
) -> None:
    base, run = make_run("base", BASE), make_run("run", BASE, **changes)
    with pytest.raises(kind, match=said):
        compare(run, base)
