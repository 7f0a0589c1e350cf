from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from spider_opt.errors import UsageError
from spider_opt.report.page import writing
from spider_opt.report.page.writing import script, write_report

Make = Callable[..., Path]


def read(path: Path) -> Any:
    """Return what a script of the page hands over."""
    found = re.fullmatch(r"page\.\w+\((.*)\);\n", path.read_text("ascii"), re.DOTALL)
    assert found
    return json.loads(found[1])


def test_a_page_is_whole(make_run: Make, tmp_path: Path) -> None:
    index = write_report([make_run("one", "+-+-")], tmp_path / "out", table=tmp_path / "answers.csv")
    assert index == tmp_path / "out" / "index.html"
    html = index.read_text()
    for name in re.findall(r'(?:src|href)="([^"#:]+)"', html):
        assert (index.parent / name).is_file(), name
    assert not re.search(r"https?:", html)
    numbers = read(index.parent / "data" / "numbers.js")
    assert numbers["runs"][0]["metrics"]["official"]["value"] == 50
    assert numbers["questions"]["chunk"] == [0, 0, 0, 0]
    assert len(read(index.parent / "data" / "texts.js")) == 4
    rows = [*csv.DictReader(StringIO((index.parent / "questions.csv").read_text()))]
    assert [row["correct"] for row in rows] == ["True", "False", "True", "False"]
    assert (tmp_path / "answers.csv").read_bytes() == (index.parent / "questions.csv").read_bytes()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_half_a_surrogate_pair_breaks_no_page(make_run: Make, tmp_path: Path) -> None:
    folder = make_run("one", "+")
    answer = json.loads((folder / "predictions.jsonl").read_text())
    (folder / "predictions.jsonl").write_text(json.dumps(answer | {"sql": "SELECT '\ud83d'"}) + "\n")
    index = write_report([folder], tmp_path / "out", table=tmp_path / "answers.csv")
    for path in (index.parent / "questions.csv", tmp_path / "answers.csv"):
        assert [row["sql"] for row in csv.DictReader(StringIO(path.read_text("utf-8")))] == ["SELECT '\\ud83d'"]


def test_a_table_that_cannot_be_written_leaves_what_was_there(
    make_run: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "answers.csv"
    table.write_text("of before")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_report([make_run("one", "+-")], tmp_path / "out", table=table)
    assert table.read_text() == "of before"


def test_ctrl_c_at_the_last_moment_leaves_the_page_of_before(
    make_run: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = make_run("one", "+-"), tmp_path / "out"
    before = write_report([run], out).read_bytes()
    rename = Path.rename

    def interrupted(path: Path, target: Path) -> Path:
        if target == out and "old" not in str(path):
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_report([run], out)
    assert (out / "index.html").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".out")] == []


def test_the_same_runs_give_the_same_page(make_run: Make, tmp_path: Path) -> None:
    run = make_run("one", "+-+-")
    first, second = (write_report([run], tmp_path / name).parent for name in ("a", "b"))
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert len(files) > 15
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in files)


def test_a_page_is_replaced_and_nothing_else(make_run: Make, tmp_path: Path) -> None:
    run, out = make_run("one", "+-"), tmp_path / "out"
    write_report([run], out)
    (out / "data" / "questions-999.js").write_text("old")
    write_report([run], out)
    assert not (out / "data" / "questions-999.js").exists()
    for name, text in (("notes", "mine"), ("index.html", "<html>mine</html>")):
        mine = tmp_path / f"mine-{name}"
        mine.mkdir()
        (mine / name).write_text(text)
        with pytest.raises(UsageError, match="holds something else than a page of spider-opt: name another folder"):
            write_report([run], mine)
        assert (mine / name).read_text() == text
    with pytest.raises(UsageError, match="is a file"):
        write_report([run], run / "run.json")


def test_what_was_there_stays_where_writing_fails(
    make_run: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = make_run("one", "+-"), tmp_path / "out"
    before = write_report([run], out).read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "_text", full)
    with pytest.raises(OSError, match="No space left"):
        write_report([run], out)
    assert (out / "index.html").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "out"]


def test_a_table_in_the_pages_own_folder_is_kept(make_run: Make, tmp_path: Path) -> None:
    run, out = make_run("one", "+-"), tmp_path / "out"
    for _ in range(2):
        write_report([run], out, table=out / "mine.csv")
        assert (out / "mine.csv").read_bytes() == (out / "questions.csv").read_bytes()


@pytest.mark.parametrize("name", ["table.xlsx", "table"])
def test_a_table_of_another_kind(make_run: Make, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"is no table's name: table is a file that ends in \.csv or \.parquet"):
        write_report([make_run("one", "+")], tmp_path / "out", table=tmp_path / name)
    assert not (tmp_path / "out").exists()


def test_parquet_wants_pyarrow(make_run: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"needs pyarrow: pip install 'spider-opt\[parquet\]'"):
        write_report([make_run("one", "+")], tmp_path / "out", table=tmp_path / "t.parquet")


def test_parquet_holds_what_the_csv_holds(make_run: Make, tmp_path: Path) -> None:
    import pandas as pd

    out, table = tmp_path / "out", tmp_path / "t.parquet"
    write_report([make_run("one", "+-?"), make_run("two", "++-")], out, table=table)
    found = pd.read_parquet(table)
    assert len(found) == 6
    assert found.to_csv(index=False, lineterminator="\n") == (out / "questions.csv").read_text(encoding="utf-8")


def test_a_page_without_jinja_says_what_to_install(
    make_run: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(UsageError, match=r"pip install 'spider-opt\[report\]'"):
        write_report([make_run("one", "+")], tmp_path / "out")


def test_no_text_ends_a_script() -> None:
    said = script({"</script>": "<!--\u2028\u2029\0\ud800"})
    assert said.isascii()
    assert "<" not in said
    assert json.loads(said) == {"</script>": "<!--\u2028\u2029\0\ud800"}


def test_hostile_names_in_the_page_are_text(make_run: Make, tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>\"'&"
    run = make_run("one", "+-", method=name, model=name, split=name)
    html = write_report([run], tmp_path / "out").read_text()
    assert "<img" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html


def test_runs_must_be_a_list(make_run: Make, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a list of runs"):
        write_report(make_run("one", "+"), tmp_path / "out")  # type: ignore[arg-type]


def test_questions_are_loaded_in_pieces(make_run: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "CHUNK_BYTES", 1)
    out = write_report([make_run("one", "+-+")], tmp_path / "out").parent
    assert read(out / "data" / "numbers.js")["questions"]["chunk"] == [0, 1, 2]
    assert len([*(out / "data").glob("questions-*.js")]) == 3
