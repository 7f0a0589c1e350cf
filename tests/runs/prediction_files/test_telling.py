"""Two fields that could tell the same: which counts, and where they contradict each other."""

from __future__ import annotations

import json

import pytest
from answer_files import DB_IDS, PAIRED, SQL, WORDS, jsonl, table

from spider_opt.errors import PredictionsError

N = len(SQL)
IDS = [f"dev-{i:04d}" for i in range(N)]
ORDER = [3, 0, 1, 4, 2]
FORMS = {
    "a.jsonl": lambda columns: jsonl(rows(columns)),
    "a.json": lambda columns: json.dumps(rows(columns)),
    "a.csv": lambda columns: table(list(columns), *zip(*columns.values(), strict=True)),
}


def rows(columns):
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def moved(values):
    return [values[i] for i in ORDER]


REFUSED = {
    "ids": ({"id": IDS, "question_id": moved(IDS)}, "id"),
    "numbers": ({"index": range(N), "idx": ORDER}, "number"),
    "a number in an id": ({"id": range(N), "index": ORDER}, "number"),
    "databases": ({"db_id": DB_IDS, "database": ["pets", *DB_IDS[1:]]}, "database"),
    "databases, the other way": ({"db": moved(DB_IDS), "db_name": DB_IDS}, "database"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", REFUSED)
def test_two_that_contradict_each_other_are_refused(pair, case, form):
    columns, what = REFUSED[case]
    first, other = columns
    with pytest.raises(PredictionsError) as caught:
        pair(FORMS[form]({**columns, "sql": SQL}), form)
    assert f'"{first}" and "{other}" can each be the {what}, and differ: leave one of them out' in str(caught.value)
    assert any(f": {place}" in str(caught.value) for place in ("entry 0", "entry 1", "line 1", "line 2", "line 3"))


TAKEN = {
    "the same": {"id": IDS, "question_id": IDS},
    "from 0 and from 1": {"index": range(N), "position": range(1, N + 1)},
    "an id of another tool first": {"id": ["u7", "u3", "u9", "u1", "u4"], "question_id": IDS},
    "numbers of a larger file first": {"index": [71, 5, 900, 3, 12], "idx": range(N)},
    "own numbers of a benchmark": {"question_id": [1471, 1472, 1473, 1474, 9], "index": range(N)},
    "a path": {"db_id": DB_IDS, "database": [f"database/{name}/{name}.sqlite" for name in DB_IDS]},
    "in other letters": {"db_id": DB_IDS, "db_name": [name.upper() for name in DB_IDS]},
    "a schema's own id first": {"schema_id": [f"s{i}" for i in range(N)], "db_id": DB_IDS},
    "empty in some": {"id": IDS, "question_id": [IDS[0], "", "", "", ""]},
    "another wording first": {"nl": [f"Tell me, {i}." for i in range(N)], "question": WORDS, "db_id": DB_IDS},
}


@pytest.mark.parametrize("case", TAKEN)
def test_that_of_the_benchmark_counts(pair, case):
    columns = TAKEN[case]
    assert pair(jsonl(rows({**columns, "sql": SQL})), "a.jsonl") == PAIRED


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("field", ["index", "id"])
def test_numbers_as_pandas_writes_them_are_numbers(pair, form, field):
    columns = {field: [f"{i}.0" for i in ORDER], "sql": moved(SQL)}
    assert pair(FORMS[form](columns), form) == PAIRED
