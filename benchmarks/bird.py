"""BIRD: how long its prompts are, and what a database of a gigabyte costs before the first of them.

    python benchmarks/bird.py prompts --data bird/
    python benchmarks/bird.py gigabyte --gigabytes 1

``prompts`` counts the tokens of every prompt of a folder in BIRD's layout, by the embedded model's own tokenizer.
``gigabyte`` makes such a folder with one large database, asks for the first prompt of several methods in a process of
its own each, with an empty cache and again, and then judges an answer: seconds, processor seconds and the most memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

METHODS = ("zero-shot", "schema+zero-shot", "schema:tables=2+zero-shot")
ROOM = 8192
ANSWER = 300
GOLD = "SELECT `Name of shop` FROM shop WHERE `Shop ID` = 77"
WIDE = 150
"""Columns of texts of the widest table."""
SCHEMA = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000;
CREATE TABLE shop (`Shop ID` INTEGER PRIMARY KEY, `Name of shop` TEXT, town TEXT, `open (Y/N)` INTEGER, closed TEXT);
CREATE TABLE purchase (
  id INTEGER PRIMARY KEY, `Shop ID` INTEGER REFERENCES shop(`Shop ID`), customer TEXT, status TEXT, currency TEXT,
  day TEXT, `amount (EUR)` REAL, note TEXT, document TEXT, refunded TEXT, code TEXT
);
CREATE TABLE line (purchase_id INTEGER REFERENCES purchase(id), item TEXT, colour TEXT, pieces INTEGER, `text` TEXT);
INSERT INTO shop WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 200000)
  SELECT n, 'Shop ' || hex(n * 7919 % 1000003), 'Town ' || (n % 5000), n % 2, NULL FROM r;
"""
PURCHASES = """
INSERT INTO purchase WITH RECURSIVE r(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM r WHERE n < {last})
  SELECT n, n % 200000 + 1, 'Customer ' || hex(n * 104729 % 15485863), CASE n % 3 WHEN 0 THEN 'paid' ELSE 'open' END,
    'EUR', date('2000-01-01', (n % 9000) || ' days'), n % 100000 / 100.0, hex(randomblob(40)), hex(randomblob(90)),
    NULL, hex(randomblob(6)) FROM r;
INSERT INTO line WITH RECURSIVE r(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM r WHERE n < {last})
  SELECT n, 'item ' || (n % 70000), substr('redgreenblue', n % 3 * 3 + 1, 4), n % 9, hex(randomblob(30)) FROM r;
"""
PER_STEP = 200_000
WIDE_ROWS = """
INSERT INTO wide WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < {n})
  SELECT {texts} FROM r;
"""


def make(folder: Path, gigabytes: float) -> int:
    """Write a folder in BIRD's layout with one database of that size; return its bytes."""
    place = folder / "dev_databases" / "wholesale"
    (place / "database_description").mkdir(parents=True)
    path, n = place / "wholesale.sqlite", 0
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)
        connection.execute(f"CREATE TABLE wide ({', '.join(f'c{i} TEXT' for i in range(WIDE))})")
        texts = ", ".join(f"'c{i} ' || (n * {7919 + i} % 1000003)" for i in range(WIDE))
        connection.executescript(WIDE_ROWS.format(n=int(gigabytes * 200_000), texts=texts))
        while path.stat().st_size < gigabytes * 1e9:
            connection.executescript(PURCHASES.format(first=n + 1, last=n + PER_STEP))
            connection.commit()
            n += PER_STEP
    header = "original_column_name,column_name,column_description,data_format,value_description\n"
    described = 'status,,whether it was paid,text,"paid; open"\n`note`,,free text,text,\n'
    (place / "database_description" / "purchase.csv").write_text("\ufeff" + header + described, encoding="utf-8")
    question = {"question_id": 7, "db_id": "wholesale", "question": "What is the name of the shop with number 77?",
                "evidence": "number refers to Shop ID", "SQL": GOLD, "difficulty": "simple"}  # fmt: skip
    (folder / "mini_dev_sqlite.json").write_text(json.dumps([question]))
    return path.stat().st_size


class Told(Exception):
    """The prompt that a model would have been asked."""


def first_prompt(folder: Path, method: str) -> None:
    """Load the benchmark and write the first prompt of a method; print what that took."""
    from spider_opt.benchmarks import load
    from spider_opt.databases import DatabasePool
    from spider_opt.methods import parse_method
    from spider_opt.types import Completion, ModelInfo, Request, Task, Tools

    class Asked:
        info = ModelInfo("none")

        def complete(self, request: Request) -> list[Completion]:
            raise Told(request.text)

    start, used = time.monotonic(), time.process_time()
    benchmark = load("bird", data=folder)
    loaded = time.monotonic() - start
    generator = parse_method(method).build(Tools(DatabasePool(benchmark.paths)))
    try:
        generator(Task(benchmark.examples[0].question, Asked()))
    except Told as told:
        told_s = {"load_s": loaded, "first_prompt_s": time.monotonic() - start, "cpu_s": time.process_time() - used}
        memory = peak_mb()
        print(json.dumps({**{k: round(v, 1) for k, v in told_s.items()}, "max_mb": round(memory),
                          "characters": len(str(told))}))  # fmt: skip


def peak_mb() -> float:
    """Return the most memory that this process had; what ``resource`` says counts who started it, too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def judged(folder: Path) -> None:
    """Judge one answer; print what that took, in the processes that judge, too."""
    from spider_opt.benchmarks import load
    from spider_opt.scoring import rules_for, score

    start = time.monotonic()
    benchmark = load("bird", data=folder)
    report = score(benchmark, [(benchmark.examples[0], GOLD)], rules_for(["bird", "bird-f1"]))
    assert report.scored[0].correct
    memory = max(peak_mb(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
    print(json.dumps({"score_s": round(time.monotonic() - start, 1), "max_mb": round(memory)}))


def gigabyte(gigabytes: float, where: Path | None) -> None:
    """Make the folder, and measure each method and judging in processes of their own."""
    folder = Path(tempfile.mkdtemp(prefix="bird-", dir=where))
    try:
        start = time.monotonic()
        print(f"{make(folder / 'bird', gigabytes):,} bytes, made in {time.monotonic() - start:.0f} s")
        for what in (*METHODS, "judge"):
            cache = folder / "cache"
            shutil.rmtree(cache, ignore_errors=True)
            for again in ("first", "again"):
                command = [sys.executable, __file__, "one", "--data", str(folder / "bird"), "--method", what]
                done = subprocess.run(command, env={**os.environ, "SPIDER_OPT_CACHE": str(cache)}, check=True,
                                      capture_output=True, text=True)  # fmt: skip
                print(f"{what:28} {again}: {done.stdout.strip()}", flush=True)
    finally:
        shutil.rmtree(folder)


def prompts(data: Path, model: str) -> None:
    """Print the longest prompt of each database in tokens, with evidence and without."""
    from transformers import AutoTokenizer

    from spider_opt.answering.drafts import Drafter, Look
    from spider_opt.benchmarks import load
    from spider_opt.databases import DatabasePool
    from spider_opt.models.torch.base import folder_of, tokens_of
    from spider_opt.types import ModelInfo, Task

    class Nobody:
        info = ModelInfo("none")

    tokenizer = AutoTokenizer.from_pretrained(folder_of(model))
    for evidence in (True, False):
        benchmark = load("bird", data=data, evidence=evidence)
        drafter = Drafter(Look(), DatabasePool(benchmark.paths))
        longest: dict[str, int] = {}
        for example in benchmark.examples:
            n = len(tokens_of(tokenizer, drafter.messages(Task(example.question, Nobody()))))  # type: ignore[arg-type]
            longest[example.question.db_id] = max(n, longest.get(example.question.db_id, 0))
        for db_id, n in sorted(longest.items(), key=lambda item: -item[1]):
            print(f"{benchmark.split:24} {db_id:28} {n:6,}")
        most = max(longest.values())
        print(f"{len(benchmark.examples)} prompts, the longest {most:,} tokens; room {ROOM - ANSWER:,}")
        assert most <= ROOM - ANSWER


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["prompts", "gigabyte", "one"])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--where", type=Path, help="a folder for the database, by default the system's for such files")
    parser.add_argument("--method", default=METHODS[0])
    asked = parser.parse_args()
    if asked.what == "gigabyte":
        gigabyte(asked.gigabytes, asked.where)
    elif asked.what == "prompts":
        prompts(asked.data, asked.model)
    elif asked.method == "judge":
        judged(asked.data)
    else:
        first_prompt(asked.data, asked.method)


if __name__ == "__main__":
    main()
