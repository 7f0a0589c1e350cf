"""Questions with several right golds: an answer is right if it is right by any of them, whatever the scorer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from spider_opt.errors import GoldError
from spider_opt.types import Verdict


def best_of(answers: Sequence[Verdict | GoldError]) -> Verdict | GoldError:
    """Return what a scorer says of an answer that it judged by each of a question's golds, in their order.

    It is the first right verdict, else that by the first gold; of numbers the largest. A gold that fails says nothing:
    only where all of them do, the question has no verdict. So n does not depend on what was answered.

    >>> from spider_opt.types import Outcome
    >>> wrong, right = Verdict(Outcome.WRONG_ROWS, "2 rows"), Verdict(Outcome.CORRECT, "1 row")
    >>> best_of([wrong, right]), best_of([wrong, wrong]) == wrong
    (Verdict(outcome=<Outcome.CORRECT: 'correct'>, detail='1 row (by gold 2 of 2)', value=None), True)
    """
    said = [(number, answer) for number, answer in enumerate(answers, 1) if isinstance(answer, Verdict)]
    if not said:
        return answers[0]
    number, best = max(said, key=lambda numbered: float(numbered[1].metric))
    return best if number == 1 else replace(best, detail=f"{best.detail} (by gold {number} of {len(answers)})")
