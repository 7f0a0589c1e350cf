"""What is learnt from: training splits, but for the databases that are kept for choosing settings.

Whatever is tuned (a prompt, the number of demos, a checkpoint) is tuned on questions of these databases,
which are never trained on and never retrieved from; dev is for reporting alone. Those of them with the contents of a
database that is trained on are not chosen by either: see ``leaks.held_out_questions``.
"""

from __future__ import annotations

import hashlib

SHARE = 0.15


def is_training(name: str) -> bool:
    """Tell whether a split, or the split that a question's id names, is one to learn from."""
    return name.startswith("train")


QUERY_SPLIT = "-query-split"
"""What the name of a split ends with that is asked about the databases of its training half, see ``query_split``."""


def is_query_split(name: str) -> bool:
    """Tell whether a split, or the split that a question's id names, shares its databases with what is learnt from.

    >>> is_query_split("dev-query-split-96e18f5a9a"), is_query_split("dev")
    (True, False)
    """
    return QUERY_SPLIT in name


def is_held_out(db_id: str) -> bool:
    """Tell whether a training database is kept for validation: about 15 % of them, by a hash of the name.

    >>> [name for name in ("library_loans", "bakery_orders", "cycling_club") if is_held_out(name)]
    []
    """
    return int(hashlib.sha256(db_id.encode()).hexdigest()[:8], 16) < SHARE * 2**32
