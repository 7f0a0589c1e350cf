"""Files of predictions: what fits is paired, what does not is refused."""

from __future__ import annotations

import pytest

from spider_opt.errors import PredictionsError
from spider_opt.runs.prediction_files import pair_lines
from spider_opt.types import Benchmark, Example, Question, Schema

SCHEMAS = {name: Schema(name, ()) for name in ("cars", "pets")}
DB_IDS = ["cars", "gone", "pets", "cars", "pets"]  # of the split's file; there is no database for "gone"


@pytest.fixture
def benchmark():
    examples = tuple(
        Example(i, Question(f"dev-{i:04d}", f"question {i}", SCHEMAS[db_id]), f"SELECT {i}")
        for i, db_id in enumerate(DB_IDS)
        if db_id in SCHEMAS
    )
    return Benchmark("spider", "dev", examples, {}, {"gone": 1}, len(DB_IDS), "f" * 16)


@pytest.fixture
def pair(benchmark, tmp_path):
    """pair(content) -> {index: query} of a text file with that content."""

    def pair(content, **options):
        path = tmp_path / "answers.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return {example.index: query for example, query in pair_lines(benchmark, path, **options)}

    return pair


LINES = [f"SELECT {i}\t{db_id}" for i, db_id in enumerate(DB_IDS)]
PAIRED = {0: "SELECT 0", 2: "SELECT 2", 3: "SELECT 3", 4: "SELECT 4"}


def test_lines_are_paired_in_order_and_those_without_database_passed_over(pair):
    assert pair("\n".join(LINES) + "\n") == PAIRED


@pytest.mark.parametrize(
    "content",
    [
        "\n".join(LINES),
        "\n".join(LINES) + "\n\n  \n",
        "\r\n".join(LINES) + "\r\n",
        "\r".join(LINES),
        "\ufeff" + "\n".join(LINES),
        "\n".join(f"  {line} \t" for line in LINES),
        "\n".join(line.partition("\t")[0] for line in LINES),
        "\n".join(LINES[:2] + [line.partition("\t")[0] for line in LINES[2:]]),
    ],
    ids=["no last line end", "blank lines behind", "CRLF", "CR", "BOM", "spaces", "no db_ids", "some db_ids"],
)
def test_forms_of_the_same_file(pair, content):
    assert pair(content) == PAIRED


def test_an_empty_line_is_an_answer_without_sql(pair):
    assert pair("\n".join(["", *LINES[1:3], "\tcars", " "])) == {0: "", 2: "SELECT 2", 3: "", 4: ""}


def test_an_empty_last_line_counts_when_it_is_needed(pair):
    assert pair("\n".join(LINES[:4]) + "\n\n")[4] == ""


def test_a_query_ends_at_the_first_tab_as_for_the_official_evaluator(pair):
    lines = ["SELECT\t0\tcars", "x", "SELECT 2 \t FROM t", "\tSELECT 3\tcars", "SELECT 4\tWHERE\tx"]
    assert pair("\n".join(lines)) == {0: "SELECT", 2: "SELECT 2 ", 3: "SELECT 3", 4: "SELECT 4"}
    assert pair("\n".join(lines), tab_ends_query=False) == {
        0: "SELECT\t0",
        2: "SELECT 2 \t FROM t",
        3: "SELECT 3",
        4: "SELECT 4\tWHERE\tx",
    }


def test_other_line_ends_of_unicode_are_part_of_the_query(pair):
    line = "SELECT '\u2028\x85\x0b\x0c\x1e'"
    assert pair("\n".join([line, *LINES[1:]]))[0] == line


@pytest.mark.parametrize(
    ("content", "n"), [("", 1), ("a\n", 1), ("\n".join(LINES[:4]), 4), ("\n".join(LINES) + "\nx", 6)]
)
def test_too_few_or_too_many_lines_are_refused(pair, content, n):
    with pytest.raises(PredictionsError, match=rf"has {n} lines, but spider dev has 5 questions"):
        pair(content)


def test_only_the_questions_that_have_a_database_are_too_few(pair):
    with pytest.raises(PredictionsError, match="one line for each question of the split's file"):
        pair("\n".join(line for line in LINES if "gone" not in line))


def test_another_order_is_refused(pair):
    with pytest.raises(PredictionsError, match=r"line 1 is about pets, but that question is about cars"):
        pair("\n".join([LINES[2], LINES[1], LINES[0], *LINES[3:]]))
    with pytest.raises(PredictionsError, match=r"line 3 is about gone, but"):
        pair("\n".join([LINES[0], LINES[2], LINES[1], *LINES[3:]]))


def test_what_is_no_utf8_is_refused_with_its_line(pair):
    with pytest.raises(PredictionsError, match=r"not UTF-8: see line 3"):
        pair(b"a\nb\nc\xff\nd\ne\n")


def test_a_file_that_is_not_there_is_refused(benchmark, tmp_path):
    with pytest.raises(PredictionsError, match="cannot be read"):
        pair_lines(benchmark, tmp_path / "nowhere.txt")
    with pytest.raises(PredictionsError, match="cannot be read"):
        pair_lines(benchmark, tmp_path)
