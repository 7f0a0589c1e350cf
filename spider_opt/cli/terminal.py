"""What strangers wrote, as a terminal may show it."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence

from spider_opt.types import Value

WIDTHS = (60, 40, 25, 15, 8)
"""How wide a cell may be: the first with which all of a row stand in one line, else the last."""
N_BYTES = 12
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def harmless(text: str) -> str:
    r"""Return text whose control characters are written out, so that they move no cursor and hide nothing.

    >>> print(harmless("a\tb\x1b[2J"))
    a\tb\x1b[2J
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def table(columns: Sequence[str], rows: Sequence[Sequence[Value]], width: int | None = None) -> str:
    r"""Return rows under their columns' names, numbers to the right; what is too long for ``width`` is cut.

    ``width`` is the terminal's, and without a terminal there is none.

    >>> print(table(["name", "n"], [["a\nb", 1], [None, 23]]))
    name   n
    ----  --
    a\nb   1
    NULL  23
    """
    from rich.cells import cell_len

    if width is None:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    numbers = [all(isinstance(row[i], int | float | None) for row in rows) for i in range(len(columns))]
    cells = [[harmless(name) for name in columns], *([shown(value) for value in row] for row in rows)]
    for most in WIDTHS:
        cut = [[_cut(cell, most) for cell in line] for line in cells]
        widths = [max(cell_len(line[i]) for line in cut) for i in range(len(columns))]
        if not width or sum(widths) + 2 * (len(widths) - 1) <= width:
            break
    cut.insert(1, ["-" * w for w in widths])
    lines = []
    for line in cut:
        padded = []
        for cell, w, number in zip(line, widths, numbers, strict=True):
            space = " " * (w - cell_len(cell))
            padded.append(space + cell if number else cell + space)
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def shown(value: Value) -> str:
    """Return a value of a database in one line.

    >>> shown(None), shown(2.5), shown("a"), shown(b"abc")
    ('NULL', '2.5', 'a', "x'616263'")
    """
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'" if len(value) <= N_BYTES else f"x'{value[:N_BYTES].hex()}…' ({len(value):,} bytes)"
    return harmless(str(value))


def _cut(cell: str, most: int) -> str:
    from rich.cells import cell_len, set_cell_size

    return cell if cell_len(cell) <= most else set_cell_size(cell, most - 1).rstrip() + "…"
