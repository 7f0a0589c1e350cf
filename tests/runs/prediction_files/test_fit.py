"""Answers that fit nothing, and those that are the golds themselves, are said."""

from __future__ import annotations

import pytest

from spider_opt.runs.prediction_files import Predicted, misfit
from spider_opt.scoring.report import Scored
from spider_opt.types import Outcome


def verdicts(outcomes):
    names = {"+": Outcome.CORRECT, "-": Outcome.WRONG_ROWS, "e": Outcome.QUERY_ERROR}
    return [Scored(i, "d", o == "+", names[o], "", "easy", str(i)) for i, o in enumerate(outcomes)]


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ("eee", "3 of 3 answers do not run on their question's database"),
        ("eeee+", "4 of 5 answers do not run"),
        ("-" * 10, "0 of 10 answers are right"),
        ("-" * 39 + "+", "1 of 40 answers are right"),
        ("ee", ""),
        ("---", ""),
        ("eee++", ""),
        ("+" * 3 + "-" * 17, ""),
    ],
)
def test_where_nearly_nothing_fits_it_is_said(outcomes, said):
    assert said in misfit([], verdicts(outcomes)) or (not said and not misfit([], verdicts(outcomes)))
    assert bool(said) == bool(misfit([], verdicts(outcomes)))


def test_golds_of_other_questions_are_seen(benchmark):
    examples = benchmark.examples
    shifted = [
        Predicted(e, o.gold_sql, o.gold_sql) for e, o in zip(examples, [*examples[1:], examples[0]], strict=True)
    ]
    assert "4 of 4 answers are the gold query of another question" in misfit(shifted, verdicts("-+--"))
    assert misfit([Predicted(e, e.gold_sql, e.gold_sql) for e in examples], verdicts("++++")) == ""
