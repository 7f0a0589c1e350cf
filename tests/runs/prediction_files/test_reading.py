"""Files of predictions: what fits is paired, whatever wrote it; what does not is refused, and where."""

from __future__ import annotations

import json

import pytest
from answer_files import DB_IDS, GOLDS, HERE, LINES, MIXED, PAIRED, SQL, WORDS, jsonl, table

from spider_opt.benchmarks import load
from spider_opt.errors import PredictionsError
from spider_opt.rows import csv_rows
from spider_opt.runs.prediction_files import is_of_a_run, read_predictions
from spider_opt.runs.prediction_files.field_roles import is_known
from spider_opt.wording import in_shell

# --- text --------------------------------------------------------------------------------------


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
        ("\n".join(LINES) + "\n").encode("utf-16"),
        "\n".join(f"  {line} \t" for line in LINES),
        "\n".join(line.partition("\t")[0] for line in LINES),
        "\n".join(LINES[:2] + [line.partition("\t")[0] for line in LINES[2:]]),
        "\n".join(line.replace("\t", "\t----- bird -----\t") for line in LINES),
        "\n".join(line for line in LINES if "gone" not in line),
        "\n".join(line.partition("\t")[0] for line in LINES if "gone" not in line),
    ],
    ids=["no last line end", "blank lines behind", "CRLF", "CR", "BOM", "UTF-16", "spaces", "no db_ids", "some db_ids",
         "BIRD's mark", "those with database", "those with database, no db_ids"],
)  # fmt: skip
@pytest.mark.parametrize("strict", [False, True])
def test_forms_of_the_same_file(pair, content, strict):
    assert pair(content, strict=strict) == PAIRED


def test_an_empty_line_is_an_answer_without_sql(pair):
    assert pair("\n".join(["", *LINES[1:3], "\tcars", " "])) == {0: "", 2: SQL[2], 3: "", 4: ""}


def test_an_empty_last_line_counts_when_it_is_needed(pair):
    assert pair("\n".join(LINES[:4]) + "\n\n")[4] == ""


TABS = ["SELECT\t0\tcars", "x", "SELECT 2 \t FROM t\tpets", "\tSELECT 3\tcars", "SELECT 4\tWHERE\tpets"]


def test_a_query_ends_at_the_first_tab_as_for_the_official_evaluator_else_at_the_last(pair):
    assert pair("\n".join(TABS)) == {0: "SELECT", 2: "SELECT 2 ", 3: "SELECT 3", 4: "SELECT 4"}
    whole = {0: "SELECT\t0", 2: "SELECT 2 \t FROM t", 3: "SELECT 3", 4: "SELECT 4\tWHERE"}
    assert pair("\n".join(TABS), strict=True) == whole


@pytest.mark.parametrize("tail", ["harbor", "cars_2", "0.93", "FROM t", "a remark"])
def test_behind_the_last_tab_stands_a_db_id_or_it_is_said(pair, caplog, tail):
    lines = [*LINES[:3], f"SELECT 3\t{tail}", LINES[4]]
    with pytest.raises(
        PredictionsError, match=rf'line 4 has a tab, and "{tail}" behind it is no database of spider dev'
    ):
        pair("\n".join(lines), strict=True)
    assert not caplog.messages
    assert pair("\n".join(lines))[3] == "SELECT 3"
    [said] = caplog.messages
    assert f'behind the tab of line 4 stands "{tail}", which is no database of spider dev (1 such line)' in said


def test_other_line_ends_of_unicode_are_part_of_the_query(pair):
    line = "SELECT '\u2028\x85\x0b\x0c\x1e'"
    assert pair("\n".join([line, *LINES[1:]]))[0] == line


@pytest.mark.parametrize(
    ("content", "n"), [("", "no"), ("\n", "no"), ("a\n", 1), ("\n".join(SQL[:3]), 3), ("\n".join(LINES) + "\nx", 6)]
)
def test_too_few_or_too_many_lines_are_refused(pair, content, n):
    with pytest.raises(
        PredictionsError, match=rf"there (is|are) {n} answers? for the 5 questions of spider dev \(4 of them"
    ):
        pair(content)


def test_a_query_on_several_lines_is_named(pair):
    with pytest.raises(PredictionsError, match=r'line 2 begins no query \("FROM_ t"\): each must stand on one line'):
        pair("SELECT a\nFROM_ t\nWHERE b\n" + "\n".join(LINES))


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
        read_predictions(benchmark, tmp_path / "nowhere.txt")
    with pytest.raises(PredictionsError, match=r"has no file ID\.sql with the id of a question"):
        read_predictions(benchmark, tmp_path)


# --- what other tools write --------------------------------------------------------------------

OBJECTS = [{"question": w, "db_id": d, "sql": s} for w, d, s in zip(WORDS, DB_IDS, SQL, strict=True)]
FORMS = {
    "list.json": json.dumps(SQL),
    "list-of-lines.json": json.dumps(LINES),
    "those-here.json": json.dumps([SQL[i] for i in HERE]),
    "by-number.json": json.dumps({str(i): sql for i, sql in enumerate(SQL)}),
    "mixed.json": json.dumps({str(i): SQL[i] for i in MIXED}, indent=1),
    "from-one.json": json.dumps({str(i + 1): sql for i, sql in enumerate(SQL)}),
    "those-here-by-number.json": json.dumps({str(n): SQL[i] for n, i in enumerate(HERE)}),
    "bird.json": json.dumps({str(i): line.replace("\t", "\t----- bird -----\t") for i, line in enumerate(LINES)}),
    "bird-here.json": json.dumps({str(n): LINES[i].replace("\t", "\t----- bird -----\t") for n, i in enumerate(HERE)}),
    "by-id.json": json.dumps({f"dev-{i:04d}": SQL[i] for i in MIXED}),
    "inside.json": json.dumps({"model": "m", "predictions": SQL}),
    "objects.json": json.dumps(OBJECTS),
    "objects-by-number.json": json.dumps({str(i): {"predicted_sql": sql, "query": "x"} for i, sql in enumerate(SQL)}),
    "one-in-a-list.json": json.dumps([{"pred": [sql]} for sql in SQL]),
    "pairs.json": json.dumps([list(pair) for pair in zip(SQL, DB_IDS, strict=True)]),
    "no-suffix": json.dumps(SQL),
    "lines.json": jsonl(OBJECTS),
    "objects.jsonl": jsonl(OBJECTS),
    "texts.jsonl": jsonl(SQL),
    "mixed-by-question.jsonl": jsonl(OBJECTS[i] for i in (4, 2, 1, 0, 3)),
    "blank-lines.jsonl": "\n" + jsonl(OBJECTS).replace("\n", "\n\n"),
    "numbered.jsonl": jsonl({"idx": i, "generated_query": SQL[i], "prompt": "select one"} for i in MIXED),
    "query-is-words.jsonl": jsonl({"query": w, "sql": s} for w, s in zip(WORDS, SQL, strict=True)),
    "unknown-name.jsonl": jsonl({"hyp0": sql, "score": 0.5} for sql in SQL),
    "strange-ids.jsonl": jsonl({"question_id": 1471 + i, "pred_sql": sql} for i, sql in enumerate(SQL)),
    "gold-beside.jsonl": jsonl({"gold": GOLDS[i], "query": SQL[i]} for i in MIXED),
    "gold-is-query.jsonl": jsonl({"query": g, "answer": s} for g, s in zip(GOLDS, SQL, strict=True)),
    "header.csv": table(["query", "db_id"], *zip(SQL, DB_IDS, strict=True)),
    "pandas.csv": table(["", "sql"], *enumerate(SQL)),
    "one-column.csv": table(["prediction"], *([sql] for sql in SQL)),
    "din.csv": table(["NLQ", "PREDICTED SQL", "GOLD SQL", "DATABASE"],
                     *((WORDS[i], SQL[i], GOLDS[i], DB_IDS[i]) for i in MIXED)),
    "semicolons.csv": table(["Question", "SQL"], *zip(WORDS, SQL, strict=True), delimiter=";"),
    "tabs.tsv": table(["db_id", "predicted_sql"], *zip(DB_IDS, SQL, strict=True), delimiter="\t"),
    "tabs.txt": table(["db_id", "predicted_sql"], *zip(DB_IDS, SQL, strict=True), delimiter="\t"),
    "lines.tsv": "\n".join(LINES),
    "no-header.csv": table(*([sql] for sql in SQL)),
    "no-header-db.csv": table(*zip(SQL, DB_IDS, strict=True)),
    "no-header-all.csv": table(*zip(range(5), WORDS, SQL, DB_IDS, strict=True)),
    "no-header-gold.csv": table(*zip(GOLDS, SQL, strict=True)),
    "unknown-header.csv": table(["nl2", "text2sql"], *zip(WORDS, SQL, strict=True)),
    "line-ends.csv": table(["query"], *([sql.replace(" FROM", "\nFROM")] for sql in SQL)),
    "bom.csv": "\ufeff" + table(["query"], *([sql] for sql in SQL)),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("strict", [False, True])
def test_a_file_of_another_tool(pair, name, strict):
    found = pair(FORMS[name], name, strict=strict)
    assert {index: sql.replace("\n", " ") for index, sql in found.items()} == PAIRED


def test_no_answer_may_be_null_or_empty(pair):
    expected = PAIRED | {3: ""}
    assert pair(json.dumps([*SQL[:3], None, SQL[4]]), "a.json") == expected
    assert pair(jsonl([*OBJECTS[:3], {**OBJECTS[3], "sql": None}, OBJECTS[4]]), "a.jsonl") == expected
    assert pair(table(["sql", "db_id"], *zip([*SQL[:3], "", SQL[4]], DB_IDS, strict=True)), "a.csv") == expected
    assert pair("query\n" + "\n".join([*(f'"{sql}"' for sql in SQL[:3]), "", f'"{SQL[4]}"']), "b.csv") == expected


def test_a_tab_in_json_is_a_blank_of_the_query(pair):
    tabbed = [sql.replace(" FROM", "\tFROM") for sql in SQL]
    assert pair(json.dumps(tabbed), "a.json") == {i: tabbed[i] for i in HERE}


REFUSED = [
    ("a.json", '["SELECT 1", ', "is cut off or no JSON: Expecting value at line 1, column 14"),
    ("a.json", "{" + ", ".join(f'"{i}": "{SQL[i]}"' for i in (*range(5), 0)) + "}", 'has the key "0" twice'),
    ("a.jsonl", jsonl(OBJECTS[:4]) + '{"sql": "SELECT 4", "sql": "SELECT 5"}', 'line 5 has the key "sql" twice'),
    ("a.json", "[]", "holds no answer"),
    ("a.json", '"SELECT 1"', "holds neither a list nor an object"),
    ("a.json", "[1, 2, 3, 4, 5]", "entry 0 (counted from 0) is 1, where a query or an object with one is due"),
    ("a.json", json.dumps([*SQL[:4], {"sql": SQL[4]}]), "entry 0 (counted from 0) is text, but entry 4"),
    ("a.json", json.dumps(SQL[:3]),
     "there are 3 answers for the 5 questions of spider dev (4 of them with a database)"),
    ("a.json", json.dumps({"0": SQL[0], "7": SQL[1]}), 'entry "7" is for question 7, but spider dev has 5'),
    ("a.json", json.dumps({str(i): "SELECT 1" for i in range(6)}),
     'entry "5" is for question 5, but spider dev has 5, counted from 0'),
    ("a.json", json.dumps({str(i): "SELECT 1" for i in reversed(range(6))}), 'entry "5" is for question 5'),
    ("a.json", json.dumps({str(i): "SELECT 1" for i in (0, 1, 2, 3, 5)}), 'entry "5" is for question 5'),
    ("a.json", json.dumps({str(i): "SELECT 1" for i in range(1, 7)}), 'entry "6" is for question 6'),
    ("a.jsonl", jsonl({"idx": i, "sql": "SELECT 1"} for i in range(6)), "line 6 is for question 5"),
    ("a.json", json.dumps({"0": SQL[0], "2": SQL[2]}),
     "2 of the 4 questions of spider dev have no answer (the first: dev-0003"),
    ("a.json", json.dumps({"dev-0000": SQL[0], "x": "SELECT 1", "y": "SELECT 2"}),
     'entry "y" answers "y", which is no question'),
    ("a.json", json.dumps([{"sql": sql, "query": f"{sql} LIMIT 1"} for sql in SQL]),
     "several of its fields may hold the answer's query (\"sql\", \"query\")"),
    ("a.json", json.dumps([{"query": f"{sql} LIMIT 1", "hyp1": sql} for sql in SQL]),
     "several of its fields may hold the answer's query (\"query\", \"hyp1\")"),
    ("a.json", json.dumps([{"gold": g, "db_id": d} for g, d in zip(GOLDS, DB_IDS, strict=True)]),
     'and only "gold" names a query'),
    ("a.json", json.dumps([{"sql": [s, s]} for s in SQL]), 'none of its fields ("sql") holds a text that may be a'),
    ("a.json", json.dumps([*OBJECTS[:2], {**OBJECTS[2], "sql": [SQL[2], SQL[3]]}, *OBJECTS[3:]]),
     "entry 2 (counted from 0) has a list as its \"sql\", where a query is due"),
    ("a.jsonl", jsonl(OBJECTS[:2]) + "{\n", "line 3 is no JSON"),
    ("a.jsonl", "\n".join(SQL), "line 1 is no JSON"),
    ("a.jsonl", "{}\n" + jsonl(OBJECTS[1:]), 'line 1 has no "sql"'),
    ("a.jsonl", "{}\n" * 5, "line 1 has no field"),
    ("a.jsonl", jsonl(OBJECTS[:4]) + '{"db_id": "pets"}\n', 'line 5 has no "sql"'),
    ("a.jsonl", jsonl([{**OBJECTS[0], "question": "What else?"}, *OBJECTS[1:]]),
     "line 2 has a question that is none of spider dev's"),
    ("a.jsonl", jsonl([*OBJECTS, OBJECTS[3]]), "line 6 has a question that was answered before"),
    ("a.jsonl", jsonl({"idx": i, "sql": SQL[i]} for i in (0, 1, 2, 3, 3)),
     "line 5 answers number 3, and so does line 4"),
    ("a.jsonl", jsonl({"idx": i, "sql": SQL[i], "question": WORDS[i]} for i in range(3)),
     "2 of the 4 questions of spider dev have no answer"),
    ("a.jsonl", jsonl({"idx": i, "sql": SQL[i], "question": WORDS[i if i else 3]} for i in range(5)),
     'line 1 has the question "List doors.", but there spider dev asks'),
    ("a.jsonl", jsonl({"idx": i, "sql": SQL[i], "db_id": "pets"} for i in range(5)),
     "line 1 is about pets, but that question is about cars"),
    ("a.json", json.dumps([{"id": 1, "messages": [{"content": sql}]} for sql in SQL]),
     'none of its fields ("id", "messages") holds a text that may be a query: give each answer its query as one text'),
    ("a.json", json.dumps([{"id": "one", "db_id": d, "choices": [{}, {}]} for d in DB_IDS]),
     'none of its fields ("id", "db_id", "choices") holds a text'),
    ("a.json", json.dumps([{"id": 1, "score": 0.5} for _ in SQL]), 'none of its fields ("id", "score") holds a text'),
    ("a.csv", "", "is empty"),
    ("a.csv", "query\nSELECT a, b FROM t\n", "line 2 has 2 cells where line 1 has 1; a cell with a comma"),
    ("a.csv", "SELECT a FROM t\nSELECT a, b FROM t\n" * 3, "line 2 has 2 cells where line 1 has 1"),
    ("a.csv", "SELECT a, b FROM t\n" * 5, "what its column 2 holds cannot be told, as in \"b FROM t\""),
    ("a.csv", 'query\n"SELECT 1\n', "is no CSV: unexpected end of data (see line 2)"),
    ("a.csv", table(["query", "query"], *zip(SQL, SQL, strict=True)), 'has two columns that are called "query"'),
    ("a.csv", table(["nl", "db"], *zip(WORDS, DB_IDS, strict=True)),
     "none of its fields is known to hold the answer's query"),
    ("a.csv", table(*((sql, f"{sql} LIMIT 1") for sql in SQL)),
     "one of its columns must hold the queries (those that seem to: 1, 2)"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "said"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_cannot_be_read_is_refused_with_the_place_and_the_reason(pair, name, content, said):
    with pytest.raises(PredictionsError) as caught:
        pair(content, name)
    assert said in str(caught.value)
    assert "a.js" in str(caught.value) or "a.csv" in str(caught.value)
    assert "KeyError" not in str(caught.value)


def test_a_field_may_be_named(pair):
    both = [{"sql": f"{sql} -- first", "query": sql} for sql in SQL]
    assert pair(json.dumps(both), "a.json", field="query") == PAIRED
    assert pair(table(["first", "second"], *zip(WORDS, SQL, strict=True)), "a.csv", field="second") == PAIRED
    with pytest.raises(PredictionsError, match='has no field "hyp"; it has "sql", "query"'):
        pair(json.dumps(both), "a.json", field="hyp")
    with pytest.raises(PredictionsError, match="read as text with one query a line, which has no fields"):
        pair("\n".join(LINES), field="sql")


def test_what_does_not_agree_but_does_not_count_is_said(pair, caplog):
    entries = [{"gold": "SELECT other", "idx": i, "sql": sql, "question": "Else?"} for i, sql in enumerate(SQL)]
    assert pair(jsonl(entries), "a.jsonl") == PAIRED
    other, golds = caplog.messages
    assert "has other questions beside its answers than spider dev" in other
    assert "has other gold queries beside 4 of its answers (the first: line 1) than spider dev" in golds


# --- what a model said -------------------------------------------------------------------------

FENCED = [f"Sure!\n```sql\n{sql};\n```\nThat lists it." for sql in SQL]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", json.dumps(FENCED)),
        ("a.jsonl", jsonl({"response": said} for said in FENCED)),
        ("a.csv", table(["answer"], *([said] for said in FENCED))),
        ("a.txt", "\n".join(f"```sql\n{sql.replace(' FROM', chr(10) + 'FROM')}\n```" for sql in SQL)),
        ("a.txt", "\n".join(f"```sql {sql} ```\t{db_id}" for sql, db_id in zip(SQL, DB_IDS, strict=True))),
    ],
    ids=["JSON", "JSONL", "CSV", "text", "text, one line each"],
)
def test_queries_are_taken_out_of_what_a_model_said(pair, name, content):
    assert pair(content, name, extract=True) == PAIRED


def test_fences_without_extract_are_said(pair, caplog):
    assert pair(json.dumps(FENCED), "a.json")[0] == FENCED[0]
    assert "5 of 5 answers have code fences: extract=True takes the queries out" in caplog.text


@pytest.mark.parametrize(
    ("more", "of_a_run"),
    [
        ({}, True),
        ({"answer": "x", "usage": {}, "trace": []}, True),
        ({"note": "x"}, True),
        ({"prediction": "x"}, False),
        ({"response": "x", "answer": "y"}, False),
        ({"Predicted SQL": "x"}, False),
        ({"id": 0}, False),
    ],
)
def test_a_file_with_a_field_for_the_answer_is_none_of_a_run(tmp_path, more, of_a_run):
    path = tmp_path / "predictions.jsonl"
    path.write_text(json.dumps({"index": 0, "id": "dev-0", "db_id": "cars", "sql": GOLDS[0]} | more) + "\n")
    assert is_of_a_run(path) is of_a_run


def test_the_first_line_is_a_header_where_only_the_second_has_a_query():
    refuse = PredictionsError
    assert [row.value for row in csv_rows("a,b\nSELECT 1,x\n", is_known, refuse)] == [{"a": "SELECT 1", "b": "x"}]
    assert [row.value for row in csv_rows("SELECT 1,x\n", is_known, refuse)] == [["SELECT 1", "x"]]


# --- another benchmark's answers ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (1034, ". Spider's dev and Spider-Syn have 1,034 questions: where these are meant, name the folder, "
               "--spider DIR"),
        (500, ". BIRD's mini-dev has 500 questions: where these are meant, name the folder, --benchmark bird --data "
              "DIR"),
        (508, ". Spider-Realistic has 508 questions: where these are meant, name the folder, --benchmark "
              "spider-realistic --data SPIDER --questions FILE"),
        (7, ". spider-mini is asked where no other benchmark is named: --spider DIR, or --benchmark NAME --data DIR"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("a.txt", lambda n: "SELECT 1\tcar_9\n" * n),
        ("plain.txt", lambda n: "SELECT 1\n" * n),
        ("a.json", lambda n: json.dumps(["SELECT 1"] * n)),
        ("keys.json", lambda n: json.dumps({str(i): "SELECT 1\t----- bird -----\tcar_9" for i in range(n)})),
    ],
)
def test_whose_they_may_be_is_said(pair, caplog, n, said, name, of):
    with pytest.raises(PredictionsError) as caught, in_shell():
        pair(of(n), name, of=load("spider-mini"))
    assert str(caught.value).endswith(said)
    assert not caplog.messages


def test_a_part_of_a_benchmarks_own_answers_is_not_called_anothers(pair):
    mini = load("spider-mini")
    with pytest.raises(PredictionsError) as caught:
        pair("".join(f"SELECT 1\t{mini.examples[0].question.db_id}\n" for _ in range(500)), of=mini)
    assert "BIRD" not in str(caught.value)
