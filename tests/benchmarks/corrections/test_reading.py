"""Files of corrections: what they may say, and what is refused."""

from __future__ import annotations

import csv
import json

import pytest

from spider_opt.benchmarks.corrections import Correction, read_corrections, shipped
from spider_opt.errors import CorrectionsError, UsageError

ENTRY = {"index": 3, "db_id": "shop", "hash": "ab12", "verdict": "wrong", "reason": "so", "golds": ["SELECT 1"]}
READ = Correction(3, "shop", "ab12", "wrong", "so", ("SELECT 1",))


def write(path, said):
    path.write_text(said if isinstance(said, str) else json.dumps(said))
    return path


@pytest.mark.parametrize(
    "said",
    [
        [ENTRY],
        {"corrections": [ENTRY]},
        {"about": "ours", "corrections": [ENTRY]},
        [{**ENTRY, "golds": "SELECT 1"}],
        [{"position": 3, "db id": "shop", "Hash": "AB12", "Verdict": "Wrong", "reason": "so", "sql": "SELECT 1"}],
        [{**ENTRY, "index": "3"}],
    ],
)
def test_ways_to_say_the_same(tmp_path, said):
    corrections = read_corrections(write(tmp_path / "mine.json", said))
    assert (corrections.name, corrections.entries) == ("mine", (READ,))


def test_jsonl_has_an_entry_a_line(tmp_path):
    path = write(tmp_path / "mine.jsonl", "\n".join(json.dumps({**ENTRY, "index": index}) for index in (5, 3)) + "\n")
    assert [entry.index for entry in read_corrections(path)] == [3, 5]
    with pytest.raises(CorrectionsError, match="line 2: question 3 stands twice"):
        read_corrections(write(path, f"{json.dumps(ENTRY)}\n{json.dumps(ENTRY)}\n"))


def test_csv_has_a_row_for_each_gold(tmp_path):
    path = tmp_path / "mine.csv"
    with path.open("w", newline="") as file:
        rows = csv.DictWriter(file, ENTRY)
        rows.writeheader()
        rows.writerow({**ENTRY, "golds": "SELECT 1,\n2"})
        rows.writerow({**ENTRY, "reason": "", "golds": "SELECT 3"})
        rows.writerow({**ENTRY, "index": 1, "verdict": "right", "golds": ""})
    first, second = read_corrections(path)
    assert (first.index, first.said, first.golds) == (1, "right", ())
    assert second == Correction(3, "shop", "ab12", "wrong", "so", ("SELECT 1,\n2", "SELECT 3"))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"index": -1}, "index is -1"),
        ({"index": 1.5}, "index is 1.5"),
        ({"index": True}, "index is True"),
        ({"index": None}, "index is None"),
        ({"db_id": ""}, "db_id is ''"),
        ({"hash": None}, "hash is None, and must be text, as data doubt prints it"),
        ({"hash": 12}, "hash is 12"),
        ({"verdict": "maybe"}, "must be one of wrong, several, right"),
        ({"verdict": None}, "verdict is None"),
        ({"reason": 7}, "reason is 7"),
        ({"golds": []}, "called wrong, and has no golds"),
        ({"golds": None}, "called wrong, and has no golds"),
        ({"golds": "", "verdict": "several"}, "called several, and has no golds"),
        ({"verdict": "right"}, "called right, and has other golds"),
        ({"golds": [" "]}, "are no query"),
        ({"golds": ["SELECT 1", "DROP TABLE t"]}, "are to be queries, .* and one is 'DROP TABLE t'"),
        ({"golds": ["-- only a comment"]}, "are to be queries"),
        ({"golds": ["SELECT 1", 2]}, "are no query"),
        ({"golds": {"a": "SELECT 1"}}, "are no query"),
    ],
)
def test_what_an_entry_must_say(tmp_path, change, why):
    path = write(tmp_path / "mine.json", [{**ENTRY, **change}])
    with pytest.raises(CorrectionsError, match=why) as raised:
        read_corrections(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "no JSON"),
        ("[", "no JSON"),
        ("[]", "corrects nothing"),
        ("3", "neither a list nor an object"),
        ("[3]", "no object with index"),
        (json.dumps([ENTRY, ENTRY]), "question 3 stands twice"),
    ],
)
def test_broken_files(tmp_path, said, why):
    with pytest.raises(CorrectionsError, match=why):
        read_corrections(write(tmp_path / "mine.json", said))


def test_csv_rows_of_one_question_must_agree(tmp_path):
    text = "index,db_id,hash,verdict,reason,sql\n3,shop,ab,wrong,,SELECT 1\n3,shop,ab,several,,SELECT 2\n"
    with pytest.raises(CorrectionsError, match=r"line 3: question 3 stood before with another"):
        read_corrections(write(tmp_path / "mine.csv", text))


def test_no_such_file(tmp_path):
    with pytest.raises(CorrectionsError, match=r"nowhere.*spider-dev"):
        read_corrections(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="corrections"):
        read_corrections(3)


def test_the_fingerprint_is_of_what_verdicts_depend_on(tmp_path):
    def fingerprint(**change):
        return read_corrections(write(tmp_path / "mine.json", [{**ENTRY, **change}])).fingerprint

    assert fingerprint() == fingerprint(reason="otherwise")
    others = ({"golds": ["SELECT 2"]}, {"hash": "cd"}, {"index": 4}, {"verdict": "several"}, {"db_id": "x"})
    assert len({fingerprint(), *(fingerprint(**other) for other in others)}) == 6


def test_shipped_ones_are_found_by_name_and_a_file_of_that_name_comes_first(tmp_path, monkeypatch):
    assert list(shipped()) == ["spider-dev", "spider-train"]
    assert read_corrections("spider-dev").name == "spider-dev"
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "spider-dev", [ENTRY])
    assert read_corrections("spider-dev").entries == (READ,)
