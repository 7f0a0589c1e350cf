"""Questions with several right golds: an answer is right if it is right by any of them, whatever the scorer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from spider_opt.errors import GoldError
from spider_opt.types import Verdict

_BY_GOLD = re.compile(r" \(by gold (\d{1,4}) of (\d{1,4})\)\Z")


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


def gold_met(detail: str, n: int) -> int:
    """Return the position of the gold, from 0, that a verdict is by, of a question's ``n`` golds, by its detail.

    >>> gold_met("1 row (by gold 2 of 2)", 2), gold_met("1 row", 2), gold_met("no column (by gold 2 of 2)", 1)
    (1, 0, 0)
    """
    found = _BY_GOLD.search(detail)
    return int(found[1]) - 1 if found and int(found[2]) == n and 1 <= int(found[1]) <= n else 0
