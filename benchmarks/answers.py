"""How long does it take to find the query in a very long answer, and how much memory?

    python benchmarks/answers.py [--megabytes 1 10] [--kind NAME]

Answers of so many megabytes as models that go round in circles, servers that are broken, and enemies give them. Each is
read by a process of its own; the memory is what that had at most beyond the answer itself. ``eval`` reads no more than
2 MB of a server's answer; 10 MB are what ``score --extract`` may meet in a file. Times are the processor's.

On a busy core of 2.5 GHz, 2026-11-29: 1 MB takes 0.7 s and 16 MB at most, 10 MB 2.4 s and 61 MB.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from spider_opt.sql.extract import extract_sql

QUERY = "SELECT title FROM boat WHERE crew > 2"
UNITS: dict[str, str] = {
    "one query again and again": f"{QUERY};\n",
    "fences": f"```sql\n{QUERY}\n```\n\nCorrected:\n",
    "fences that stay open": "```sql\nSELECT ",
    "prose": "It lists the boats, since a boat is what is asked for. ",
    "prose with words of SQL": "Then I select the boats from those with a crew, or where it is NULL. ",
    "thoughts": "<think>SELECT 1?</think>",
    "thoughts that stay open": "<think>",
    "tags": "<sql>SELECT 1</b> ",
    "quotes": "'",
    "quoted words": "\"SELECT\" 'FROM' `x` ",
    "brackets": "[(",
    "JSON": '{"sql": "SELECT 1"}\n',
    "JSON that stays open": '{"sql": [',
    "comments": "-- SELECT 1\n",
    "comments that stay open": "/* SELECT ",
    "conditions": " AND crew > 2",
    "parentheses": "SELECT (",
    "unions": "SELECT 1 UNION ",
    "names of entities": "&quot;SELECT&#39; ",
    "entities and queries": "CASE WHEN &quot;SELECT&#39; 7 SELECT title FROM boat;\n",
    "comments and queries": "/*(a'select a from t where (",
    "prose and queries": "Select the names from the table.\nWHERE a = 'b with a as (CASE WHEN ",
    "full width": "\uff33\uff25\uff2c\uff25\uff23\uff34 \uff11\uff1b",
    "blanks": " ",
    "line ends": "\n",
    "digits": "7",
    "channels": "<|channel|>final<|message|>SELECT 1",
}  # fmt: skip
MEMORY = Path("/proc/self/status")


def answer(unit: str, n_chars: int) -> str:
    """Return an answer of ``n_chars`` that begins with a query, or with the unit itself where that has no letters."""
    begun = f"{QUERY}\n" if unit.strip() and any(map(str.isalpha, unit)) else "SELECT "
    return (begun + unit * (n_chars // len(unit)))[:n_chars]


def _peak_bytes() -> int:
    return next(int(line.split()[1]) * 1024 for line in MEMORY.read_text().splitlines() if line.startswith("VmHWM:"))


def _read(text: str, read: Callable[[str], str], to: Connection) -> None:
    before, began = _peak_bytes(), time.process_time()
    read(text)
    to.send((time.process_time() - began, _peak_bytes() - before))


def cost(text: str, read: Callable[[str], str] = extract_sql) -> tuple[float, int]:
    """Return (seconds, bytes) that reading takes, in a process of its own."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_read, args=(text, read, theirs))
    process.start()
    theirs.close()
    spent: tuple[float, int] = ours.recv()
    process.join()
    return spent


def main() -> None:
    """Print a row for each kind of answer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=float, nargs="+", default=[1, 10])
    parser.add_argument("--kind", choices=UNITS, action="append")
    options = parser.parse_args()
    extract_sql(QUERY)
    print(f"{'':26}" + "".join(f"{megabytes:>8g} MB{'':10}" for megabytes in options.megabytes))
    worst = [(0.0, 0)] * len(options.megabytes)
    for kind in options.kind or UNITS:
        costs = [cost(answer(UNITS[kind], int(megabytes * 1e6))) for megabytes in options.megabytes]
        worst = [(max(w[0], c[0]), max(w[1], c[1])) for w, c in zip(worst, costs, strict=True)]
        print(f"{kind:26}" + "".join(f"{s:7.2f} s {n / 1e6:6.0f} MB    " for s, n in costs), flush=True)
    print(f"{'worst':26}" + "".join(f"{s:7.2f} s {n / 1e6:6.0f} MB    " for s, n in worst))


if __name__ == "__main__":
    main()
