"""Every attack of fixtures/attacks.json against one sandbox, which must outlive them all."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spider_opt.databases import Limits, Sandbox
from spider_opt.errors import QueryError

ATTACKS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "fixtures" / "attacks.json").read_text(encoding="utf-8")
)["attacks"]
TIMEOUT_S = 0.5
GRACE_S = 2.5
MEMORY_BOMBS = {
    "cross join to rows",
    "cte that doubles",
    "huge distinct",
    "huge group by",
    "huge sort",
    "json_group_array",
    "many randomblobs",
    "recursion that doubles",
}

by_name = pytest.mark.parametrize("attack", ATTACKS, ids=[attack["name"] for attack in ATTACKS])


class Ground:
    """A folder with one database, an empty folder beside it, and the sandbox over the former."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.empty = folder / "empty"
        self.empty.mkdir()
        self.db = folder / "shop.sqlite"
        build(self.db)
        self.before = self.look()
        self.sandbox = Sandbox(self.db, limits=Limits(timeout_s=TIMEOUT_S))

    def look(self) -> dict[str, str]:
        """Every file under the folder with its hash."""
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.folder.rglob("*")
            if path.is_file()
        }

    def sql(self, attack: dict[str, Any]) -> str:
        parts = [[attack["sql"], 1]] if isinstance(attack["sql"], str) else attack["sql"]
        text = "".join(part * times for part, times in parts)
        return text.replace("{dir}", str(self.empty)).replace("{db}", str(self.db))


def build(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(
        """
        CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, price REAL);
        CREATE INDEX item_name ON item(name);
        CREATE VIEW cheap AS SELECT * FROM item WHERE price < 10;
        WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 300)
        INSERT INTO item SELECT n, 'name number ' || n, n * 1.5 FROM r;
        INSERT INTO item VALUES (301, CAST(x'fffe61' AS TEXT), NULL);
        """
    )
    connection.close()


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    ground = Ground(tmp_path_factory.mktemp("ground"))
    here = Path.cwd()
    os.chdir(ground.empty)
    yield ground
    os.chdir(here)
    ground.sandbox.close()


@by_name
def test_attack_ends_as_expected_and_leaves_no_trace(ground: Ground, attack: dict[str, Any]) -> None:
    started = time.process_time()  # not wall time: the machine may be busy with something else
    end, said = ended(lambda: ground.sandbox.run(ground.sql(attack)))
    assert time.process_time() - started < TIMEOUT_S + GRACE_S
    assert end in attack["ends"], said
    assert len(said) < 1000
    assert ground.look() == ground.before
    assert ground.sandbox.run("SELECT 1, count(*), max(name) FROM item WHERE id < 301").rows == [
        (1, 300, "name number 99")
    ]


@pytest.mark.parametrize(
    "attack",
    [attack for attack in ATTACKS if "not_a_query" in attack["ends"]],
    ids=lambda attack: attack["name"],
)
def test_what_is_no_query_leaves_no_trace_when_tried_on_a_copy(ground: Ground, attack: dict[str, Any]) -> None:
    ended(lambda: ground.sandbox.run_on_copy(ground.sql(attack)))
    assert ground.look() == ground.before


def ended(call: Callable[[], object]) -> tuple[str, str]:
    """The outcome of a call, and what it said."""
    try:
        call()
    except QueryError as error:
        return str(error.outcome), str(error)
    return "rows", ""


def test_attack_names_differ() -> None:
    assert len({attack["name"] for attack in ATTACKS}) == len(ATTACKS) > 100


BOMBARD = """
import json, resource, sys
from pathlib import Path
from spider_opt.databases import Limits, Sandbox
from spider_opt.errors import QueryError

resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # a query that spills to any file would now fail otherwise
ends = []
with Sandbox(sys.argv[1], limits=Limits(timeout_s=30, max_memory_bytes=8 * 2**20, max_bytes=16_000_000)) as sandbox:
    for sql in json.load(sys.stdin):
        try:
            sandbox.run(sql)
            ends.append("rows")
        except QueryError as error:
            ends.append(str(error.outcome))
    assert sandbox.run("SELECT count(*) FROM item").rows == [(301,)]
status = Path("/proc/self/status")  # unlike getrusage it does not know the parent's peak
peak = next((line.split()[1] for line in status.open() if line.startswith("VmHWM")), 0) if status.exists() else 0
print(json.dumps({"ends": ends, "peak_kb": int(peak)}))
"""


def test_memory_bombs_stop_at_the_caps_without_a_file(ground: Ground) -> None:
    bombs = [attack for attack in ATTACKS if attack["name"] in MEMORY_BOMBS]
    assert len(bombs) == len(MEMORY_BOMBS)
    done = subprocess.run(
        [sys.executable, "-c", BOMBARD, str(ground.db)],
        input=json.dumps([ground.sql(bomb) for bomb in bombs]),
        capture_output=True,
        text=True,
        cwd=ground.empty,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told["ends"]) == {"limit"}
    assert told["peak_kb"] < 100_000
