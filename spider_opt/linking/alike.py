"""How much one name is like another: a misspelt, shortened or invented name to what the schema calls it."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import lru_cache

from spider_opt.linking.words import stem

# From here on two names are taken to mean one thing; below that they only look alike.
SURE = 0.8
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")


@lru_cache(maxsize=65536)
def alike(wrong: str, name: str, table: str = "") -> float:
    """Return from 0 to 1 how well ``name`` could be what ``wrong`` stands for; ``table`` is what ``name`` belongs to.

    >>> alike("CampusFee", "campus_fee"), alike("singer_name", "Name", "singers")
    (1.0, 0.95)
    >>> alike("country", "billing_country") >= SURE > alike("country", "county")
    True
    """
    one, two, of = words(wrong), words(name), set(words(table))
    if not one or not two:
        return float(wrong.lower() == name.lower())
    if "".join(one) == "".join(two):
        return 1.0
    short_one, short_two = (tuple(w for w in ws if w not in of) for ws in (one, two))
    if short_one == short_two and short_one:
        return 0.95
    if one != ("id",) and set(one) <= set(two) and ("id" in one or "id" not in two):
        return 0.9 if two[-len(one) :] == one else 0.85
    if set(one) <= set(two) or set(two) <= set(one):
        return 0.6 if ("id",) in (one, two) else 0.75  # a key for what it is the key of, or the wrong name in part
    if len(one) == len(two) and all(map(_shortened, one, two)):
        return 0.82
    ratio = SequenceMatcher(None, "".join(one), "".join(two)).ratio()
    return min(ratio, 0.79) if ratio < 0.94 else ratio - 0.08


def words(name: str) -> tuple[str, ...]:
    """Return the stems of the words of a name.

    >>> words("Order_ItemsID")
    ('order', 'item', 'id')
    """
    return tuple(stem(word) for word in _WORD.findall(name))


def _shortened(one: str, two: str) -> bool:
    short, long = sorted((one, two), key=len)
    return one == two or (len(short) >= 3 and long.startswith(short))
