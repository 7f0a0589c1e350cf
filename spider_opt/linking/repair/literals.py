"""A text that the column it is compared with does not hold: how else it is spelled there, and where else it stands.

The costs were set on answers of a 0.5B model to questions of training databases, and checked on training golds: those
whose texts or columns were changed in known ways, and those left as they are, whose results should not change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from functools import partial
from typing import TYPE_CHECKING

from spider_opt.linking.contents import Contents, plain_words
from spider_opt.linking.repair.changes import spell
from spider_opt.linking.repair.compared import Comparison, comparisons
from spider_opt.linking.repair.names import Names
from spider_opt.linking.repair.options import Option
from spider_opt.linking.repair.other_columns import moved

if TYPE_CHECKING:
    from sqlglot import exp

_MIN_LETTERS = 2
_MIN_PATTERN = 4
_MAX_LETTERS = 3


def next_absent(names: Names, select: exp.Select, contents: Contents) -> list[Option] | None:
    """Return the options for the first text that its column does not hold and for which there are any."""
    for comparison in comparisons(names, select, contents):
        options = [*_respelled(comparison, contents)]
        if not any(option.cost == 0 for option in options) and not comparison.some_held and _telling(comparison):
            options += moved(names, comparison, contents)
        if options:
            return options
    return None


def _telling(comparison: Comparison) -> bool:
    """Whether the texts are long enough to tell what column they are of."""
    least = _MIN_PATTERN if comparison.pattern else _MIN_LETTERS
    return all(len(text.strip("%_ ")) >= least for _, text in comparison.absent)


def _respelled(comparison: Comparison, contents: Contents) -> Iterator[Option]:
    """Offer the text of the same column that has the same words, their initial, or alone has more or fewer."""
    if comparison.pattern:
        return
    texts = contents.texts(comparison.table.name, comparison.column.name)
    for node, text in comparison.absent:
        wanted = plain_words(text)
        same = [value for value, words in texts.items() if words == wanted]
        if wanted and same:
            best = max(same, key=lambda value: SequenceMatcher(None, text, value).ratio())
            yield Option(0, "spelled", partial(spell, [node], [best]))
        elif wanted and len(texts) <= _MAX_LETTERS and all(len(value) == 1 for value in texts):
            initial = [value for value in texts if value.lower() == text[:1].lower()]
            yield from (Option(1, "initial", partial(spell, [node], [value])) for value in initial[:1])
        elif wanted:
            near = [value for value, words in texts.items() if _part(wanted, words) or _part(words, wanted)]
            if len(near) == 1:
                yield Option(3, "part", partial(spell, [node], near))


def _part(long: Sequence[str], short: Sequence[str]) -> bool:
    starts = range(len(long) - len(short) + 1)
    return 0 < len(short) < len(long) and any(long[i : i + len(short)] == short for i in starts)
