"""Lines of text: what is behind the last line end, and what behind a tab."""

from __future__ import annotations

import json

import pytest
from answer_files import DB_IDS, HERE, LINES, PAIRED, SQL, jsonl, table

from spider_opt.errors import PredictionsError

# --- the last line -----------------------------------------------------------------------------


def test_an_empty_last_answer_has_a_line_end_as_each_has(pair):
    """A file that lacks an answer looks as one does that lacks this line end: which it is, is told and not guessed."""
    here = [LINES[i] for i in HERE]
    for lines in (LINES, here):
        assert pair("\n".join([*lines[:-1], "", ""])) == PAIRED | {4: ""}
    with pytest.raises(
        PredictionsError, match=r"there are 3 answers .*a last one that is empty needs a line end, too\)"
    ):
        pair("\n".join([*here[:-1], ""]))
    with pytest.raises(PredictionsError, match=r"there are 2 answers .* \(an empty one where there is none\)$"):
        pair("\n".join([*here[:-2], ""]))


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


def birds(**others):
    answers = {str(i): line.replace("\t", "\t----- bird -----\t") for i, line in enumerate(LINES)}
    return json.dumps(answers | others)


@pytest.mark.parametrize("none", [0, 1.5, None, True, [], ["SELECT 1"], {}])
def test_what_is_no_text_in_birds_file_is_no_answer(pair, none):
    assert pair(birds(**{str(HERE[0]): none}), "bird.json") == PAIRED | {HERE[0]: ""}


@pytest.mark.parametrize("blank", ["\u00a0", "\u3000", "\u2028", "\x1f"])
def test_before_birds_mark_only_sqlites_blanks_go(pair, blank):
    said = f" \n{blank}SELECT 1{blank} \t----- bird -----\tcars"
    assert pair(birds(**{"0": said}), "bird.json")[0] == f"{blank}SELECT 1{blank}"
