"""Lines of text: what is behind the last line end, and what behind a tab."""

from __future__ import annotations

import json

import pytest
from answer_files import DB_IDS, HERE, LINES, PAIRED, SQL, jsonl, table

from spider_opt.errors import PredictionsError

# --- the last line -----------------------------------------------------------------------------

DATABASES_HERE = [db_id for db_id in DB_IDS if db_id != "gone"]


@pytest.mark.parametrize("lines", [SQL, LINES, [SQL[i] for i in HERE]], ids=["queries", "db_ids", "those here"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_an_empty_last_answer_needs_no_line_end(pair, caplog, lines, end):
    said = pair(end.join([*lines[:-1], ""]))
    if lines is SQL:  # nothing tells that they are not those whose database is here
        assert "has an answer for each question whose database is here" in caplog.text
        return
    assert said == PAIRED | {4: ""}
    assert "is one answer short and ends with a line end: the nothing behind it is taken for the last" in caplog.text


def test_an_empty_last_answer_where_every_database_is_here(pair, benchmark, caplog):
    from dataclasses import replace

    examples = tuple(replace(example, index=i) for i, example in enumerate(benchmark.examples))
    whole = replace(benchmark, examples=examples, missing={}, n_total=4)
    assert pair("\n".join([*SQL[:3], ""]), of=whole) == {0: SQL[0], 1: SQL[1], 2: SQL[2], 3: ""}
    assert "is one answer short" in caplog.text
    caplog.clear()
    assert pair("\n".join([*SQL[:3], "", ""]), of=whole)[3] == ""
    assert pair("\n".join([*SQL[:4], "", "", ""]), of=whole)[3] == SQL[3]
    assert not caplog.messages
    for content in ("\n".join(SQL[:3]), "\n".join([*SQL[:2], ""])):
        with pytest.raises(PredictionsError, match=r"there are [23] answers for the 4 questions"):
            pair(content, of=whole)


# --- a tab -------------------------------------------------------------------------------------

TABBED = [
    *(
        "SELECT count(*)\nFROM\tcars",
        "SELECT x FROM t JOIN\tpets",
        "SELECT a FROM t,\tcars",
        "SELECT a FROM t AS\tcars",
    ),
    "SELECT a FROM\tcars",
]
FORMS = {
    "a.json": json.dumps,
    "keys.json": lambda queries: json.dumps({str(i): query for i, query in enumerate(queries)}),
    "a.jsonl": lambda queries: jsonl({"sql": query} for query in queries),
    "db.jsonl": lambda queries: jsonl({"sql": q, "db_id": d} for q, d in zip(queries, DB_IDS, strict=True)),
    "a.csv": lambda queries: table(["query"], *([query] for query in queries)),
    "db.csv": lambda queries: table(["query", "db_id"], *zip(queries, DB_IDS, strict=True)),
    "no-header.csv": lambda queries: table(*zip(queries, DB_IDS, strict=True)),
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("queries", [TABBED, [*SQL[:4], "SELECT a FROM t\tpets"]], ids=["all", "one"])
def test_a_table_behind_a_tab_that_is_called_like_a_database_stays(pair, name, queries):
    assert pair(FORMS[name](queries), name) == {i: queries[i] for i in HERE}


@pytest.mark.parametrize("name", FORMS)
def test_a_db_id_behind_the_tab_of_most_queries_is_none_of_them(pair, name):
    if name.startswith("db") or name == "no-header.csv":
        assert pair(FORMS[name](LINES), name) == {i: LINES[i] for i in HERE}
    else:
        assert pair(FORMS[name](LINES), name) == PAIRED
        assert pair(FORMS[name](["\tcars", *LINES[1:4], ""]), name) == PAIRED | {0: "", 4: ""}
        with pytest.raises(PredictionsError, match="is about pets, but that question is about cars"):
            pair(FORMS[name]([LINES[2], *LINES[1:]]), name)


@pytest.mark.parametrize("name", FORMS)
def test_what_stands_behind_birds_mark_is_no_part_of_the_query(pair, name):
    assert pair(FORMS[name]([line.replace("\t", "\t----- bird -----\t") for line in LINES]), name) == PAIRED
