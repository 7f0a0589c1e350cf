"""What strangers wrote, as a terminal may show it."""

from __future__ import annotations

import re

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def harmless(text: str) -> str:
    r"""Return text whose control characters are written out, so that they move no cursor and hide nothing.

    >>> print(harmless("a\tb\x1b[2J"))
    a\tb\x1b[2J
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
