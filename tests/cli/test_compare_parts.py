"""``spider-opt compare`` on parts of the questions, on some of them, and on those that turned."""

import csv
import statistics
from collections import Counter
from pathlib import Path

import pytest
from compared_runs import fabricate, rows, run

from spider_opt.analysis.paired import holm
from spider_opt.benchmarks import load

RESULTS = Path(__file__).resolve().parents[2] / "results"


def test_which_change_could_have_been_shown(here: Path) -> None:
    """Of 10 gold queries half changed by half: t of 97.5 % and of 80 % with 9 degrees of freedom, times the error."""
    fabricate(here / "runs" / "b", "+++-" * 5, method="vote")
    [base, row] = rows("runs/base", "runs/b")
    error = 100 * statistics.stdev([0, 0.5] * 5) / 10**0.5
    assert row["smallest"] == pytest.approx((2.2622 + 0.8834) * error, abs=0.01)
    assert (base["smallest"], row["p_clustered"]) == (None, 0.0625)
    fabricate(here / "runs" / "same", "++--" * 5, method="cot")
    text = run("runs/base", "runs/b", "runs/same").stdout
    assert f"Could be shown: a change of {row['smallest']:.1f} points, with 80 % power at 5 %" in text
    assert "not known, since no verdict differs" in run("runs/base", "runs/same").stdout
    for name, verdicts in (("none", "----" * 5), ("all", "++++" * 5)):
        fabricate(here / "ends" / name, verdicts, method=name)
    text = run("ends/none", "ends/all").stdout
    assert " 20/0 " in text
    assert "not known, since all verdicts that differ do so alike" in text


def test_the_questions_that_turned(here: Path) -> None:
    fabricate(here / "runs" / "b", "-++-" + "++--" * 4, method="vote")
    shown = run("runs/base", "runs/b", "--flips").stdout.splitlines()
    assert shown[-3:] == [
        "runs/b against runs/base: 1 won, 1 lost",
        "won   dev-0002  db2  easy  wrong_rows",
        "lost  dev-0000  db0  easy  wrong_rows",
    ]
    row = rows("runs/base", "runs/b", "--flips")[1]
    assert (row["questions_won"], row["questions_lost"]) == (["dev-0002"], ["dev-0000"])


def test_by_hardness_and_by_database(here: Path) -> None:
    fabricate(here / "runs" / "b", "+++-" * 5, method="vote")
    text = run("runs/base", "runs/b", "--slices", "hardness,database").stdout
    assert "| easy | b | 20 | 75.0 | +25.0 (" in text
    table = [line for line in text.splitlines() if line.startswith("| db")]
    assert [line.split(" | ")[:2] for line in table] == [[f"| db{i}", name] for i in range(3) for name in ("base", "b")]
    assert "| 10 gold queries | b | 50.0 % | 50.0 % | 0.0 % |" in text
    row = rows("runs/base", "runs/b", "--slices", "database")[1]
    assert row["phrasings"] == {"n": 10, "always": 5, "sometimes": 5, "never": 0}
    assert sum(part["won"] for part in row["slices"]) == row["won"] == 5
    assert sum(part["n"] for part in row["slices"]) == 20
    by_hand = holm([part["p"] for part in row["slices"]])
    assert [part["p_holm"] for part in row["slices"]] == pytest.approx(by_hand)


def test_runs_of_one_name_are_not_mixed_up(here: Path) -> None:
    for place, marks in {"x": "+++-" * 5, "y": "+---" * 5}.items():
        fabricate(here / place / "same", marks)
    found = rows("runs/base", "x/same", "y/same", "--flips", "--slices", "hardness")[1:]
    assert [(row["run"], len(row["questions_won"]), len(row["questions_lost"])) for row in found] == [
        ("same", 5, 0), ("same", 0, 5),
    ]  # fmt: skip
    assert [row["slices"][0]["change"] for row in found] == [25, -25]


def test_a_csv_has_a_row_for_each_run_and_part(here: Path) -> None:
    fabricate(here / "runs" / "b", "+++-" * 5, method="vote")
    assert run("runs/base", "runs/b", "--out", "parts.csv").exit_code == 0
    with (here / "parts.csv").open() as file:
        found = list(csv.DictReader(file))
    assert [(row["by"], row["part"], row["run"]) for row in found] == [
        (by, part, name)
        for by, parts in {"all": ["all"], "hardness": ["easy"], "database": ["db0", "db1", "db2"]}.items()
        for part in parts
        for name in ("base", "b")
    ]
    base, vote = found[:2]
    assert (base["change"], base["p"], base["always"]) == ("", "", "5")
    assert (vote["ex"], vote["change"], vote["won"], vote["lost"], vote["asked_again"]) == (
        "75.0",
        "25.0",
        "5",
        "0",
        "10",
    )
    assert run("runs/base", "runs/b", "--out", "parts.csv").exit_code == 0  # its own is written anew
    (here / "mine.csv").write_text("a,b\n1,2\n")
    refused = run("runs/base", "runs/b", "--out", "mine.csv")
    assert (refused.exit_code, "holds no table of spider-opt compare" in refused.stderr) == (2, True)
    assert (here / "mine.csv").read_text() == "a,b\n1,2\n"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("mood", "there are no parts by 'mood', but by hardness, database"),
        ("joins", "was not asked spider-mini test as"),
    ],
)
def test_parts_that_cannot_be_told_are_refused(here: Path, names: str, said: str) -> None:
    fabricate(here / "runs" / "b", "+++-" * 5, method="vote")
    result = run("runs/base", "runs/b", "--slices", names)
    assert result.exit_code == 2
    assert said in result.stderr


def test_by_what_the_gold_queries_are_made_of() -> None:
    folders = [
        RESULTS / "runs" / f"{name}-qwen2.5-coder-0.5b-spider-mini-test" for name in ("zero-shot", "rag+finetune")
    ]
    row = rows(*map(str, folders), "--slices", "joins, order-by")[1]
    golds = {example.index: example.gold_sql.upper() for example in load("spider-mini").examples}
    counted = Counter("ORDER BY" in sql for sql in golds.values())
    parts = {part["part"]: part["n"] for part in row["slices"] if part["by"] == "order_by"}
    assert parts == {"0": counted[False], "1": counted[True]}
    assert sum(part["n"] for part in row["slices"] if part["by"] == "joins") == 125
    everything = run(*map(str, folders), "--slices", "all").stdout
    assert "| set operations | run |" in everything


# --- only some questions -----------------------------------------------------------------------


def test_only_the_questions_that_a_file_lists(here: Path) -> None:
    bench = load("spider-mini:test")
    same = {"benchmark": "spider-mini", "split": "test", "fingerprint": bench.fingerprint}
    fabricate(here / "runs" / "one", "+-" * 10, **same)
    fabricate(here / "runs" / "two", "++" * 5 + "--" * 5, **same)
    (here / "ids.txt").write_text("\n".join(bench.examples[index].question.id for index in (0, 1, 3, 12)))
    base, two = rows("runs/one", "runs/two", "--ids", "ids.txt")
    assert (base["n"], base["ex"], two["ex"], two["won"], two["lost"]) == (4, 50, 75, 2, 1)
    result = run("runs/one", "runs/two", "--ids", "ids.txt", "--out", "table.md")
    assert "--ids ids.txt --out table.md" in Path("table.md").read_text()
    assert result.exit_code == 0


def test_only_some_questions_of_a_run_on_others(here: Path) -> None:
    bench = load("spider-mini:test")
    fabricate(here / "runs" / "one", "+-" * 10)
    (here / "ids.txt").write_text(bench.examples[0].question.id)
    result = run("runs/base", "runs/one", "--ids", "ids.txt")
    assert (result.exit_code, result.stdout) == (2, "")
    assert (
        "Error: runs/base is not known to have been asked spider-mini test as it is here: name the one" in result.stderr
    )
