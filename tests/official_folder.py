"""Small scripts of our own in the layout of the official tools: they print sums only, as those do."""

from __future__ import annotations

from pathlib import Path

SPIDER = """
import argparse, os, sqlite3, time

from exec_eval import eval_exec_match

def evaluate(gold, pred, db, table, etype, keep_distinct):
    golds = [line.strip().split("\\t") for line in open(gold) if line.strip()]
    preds = [line.strip().split("\\t") for line in open(pred) if line.strip()]
    assert len(golds) == len(preds)
    right = {"execution": 0, "exact match": 0}
    for (said, *_), (wanted, db_id) in zip(preds, golds):
        assert "never" not in wanted, "gold query fails"
        said = said.replace("value", "1")
        right["execution"] += eval_exec_match(os.path.join(db, db_id, db_id + ".sqlite"), said, wanted)
        right["exact match"] += said.lower() == wanted.lower()
    print("{:20} {:<20} {:<20} {:<20} {:<20} {:<20}".format("", "easy", "medium", "hard", "extra", "all"))
    for name in [["execution"], ["exact match"], ["execution", "exact match"]][["exec", "match", "all"].index(etype)]:
        mean = right[name] / len(golds)
        print("{:20} {:<20.3f} {:<20.3f} {:<20.3f} {:<20.3f} {:<20.3f}".format(name, 0, mean, 0, 0, mean))

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("gold", "pred", "db", "table", "etype"):
        parser.add_argument("--" + name)
    parser.add_argument("--keep_distinct", action="store_true")
    parser.add_argument("--plug_value", action="store_true")
    args = parser.parse_args()
    assert os.path.exists(args.table)
    evaluate(args.gold, args.pred, args.db, args.table, args.etype, args.keep_distinct)
"""
EXEC = """
import os, sqlite3, time

def eval_exec_match(db, said, wanted):
    if "hang" in said:
        time.sleep(60)
    if "die" in said:
        os._exit(3)
    folder = os.path.dirname(db)
    for name in os.listdir(folder):
        connection = sqlite3.connect(os.path.join(folder, name))
        try:
            found = connection.execute(said).fetchall()
        except sqlite3.Error:
            return 0
        if sorted(map(str, found)) != sorted(map(str, connection.execute(wanted).fetchall())):
            return 0
        if "odd" in said:
            return 0
    return 1
"""
UTILS = """
import json, sqlite3

def package_sqls(path, root, mode):
    if mode == "pred":
        return [said.split("\\t----- bird -----\\t")[0] for said in json.load(open(path)).values()], []
    lines = [line.strip().split("\\t") for line in open(path)]
    return [sql for sql, _ in lines], [root + db_id + "/" + db_id + ".sqlite" for _, db_id in lines]

def execute_sql(said, wanted, path):
    connection = sqlite3.connect(path)
    try:
        return [connection.execute(sql).fetchall() for sql in (said, wanted)]
    except sqlite3.Error:
        return [0], [1]

def sort_results(results):
    return sorted(results, key=lambda one: one["sql_idx"])
"""
BIRD = """
import argparse, json, multiprocessing
from evaluation_utils import execute_sql, package_sqls, sort_results

def judged(at, said, wanted, path):
    found, gold = execute_sql(said, wanted, path)
    return {"sql_idx": at, "res": SCORE}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("predicted_sql_path", "ground_truth_path", "db_root_path", "diff_json_path"):
        parser.add_argument("--" + name)
    args = parser.parse_args()
    preds, _ = package_sqls(args.predicted_sql_path, args.db_root_path, mode="pred")
    golds, paths = package_sqls(args.ground_truth_path, args.db_root_path, mode="gt")
    results = []
    pool = multiprocessing.Pool(1)
    for at, (said, wanted) in enumerate(zip(preds, golds)):
        pool.apply_async(judged, args=(at, said, wanted, paths[at]), callback=results.append)
    pool.close()
    pool.join()
    results = sort_results(results)
    levels = [json.loads(line)["difficulty"] for line in open(args.diff_json_path)]
    for level in ("simple", "moderate", "challenging"):
        of_level = [one["res"] for one, own in zip(results, levels) if own == level]
        print(level, sum(of_level) / len(of_level))
"""


def spider_folder(root: Path) -> Path:
    """Write what looks like a copy of test-suite-sql-eval; a query with ``odd`` in it is wrong to it."""
    root.mkdir()
    (root / "evaluation.py").write_text(SPIDER)
    (root / "exec_eval.py").write_text(EXEC)
    return root


def bird_folder(root: Path) -> Path:
    """Write what looks like a copy of BIRD's mini_dev."""
    (root / "evaluation").mkdir(parents=True)
    (root / "evaluation" / "evaluation_utils.py").write_text(UTILS)
    (root / "evaluation" / "evaluation_ex.py").write_text(BIRD.replace("SCORE", "int(set(found) == set(gold))"))
    (root / "evaluation" / "evaluation_f1.py").write_text(BIRD.replace("SCORE", "1.0 if found == gold else 0.25"))
    return root
