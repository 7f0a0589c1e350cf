"""Which field or column of a file holds the query, and which tell of the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from spider_opt.benchmarks.field_names import DB_ID, GOLD, QUESTION
from spider_opt.benchmarks.questions import normal_text
from spider_opt.rows import begins_a_query
from spider_opt.runs.prediction_files.entries import Known

Role = Literal["sql", "db_id", "index", "id", "question", "gold"]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# By ``rows.name_of``. What is called so is the answer, whatever else there is.
PREDICTED = _names(
    "predicted_sql predicted_query predicted prediction predictions pred_sql pred_query pred predict predict_sql"
    " predict_query sql_pred query_pred sql_prediction generated_sql generated_query generated generation model_sql"
    " model_query llm_sql final_sql final_query output_sql output_query hypothesis hyp candidate_sql answer_sql"
)
# What is called so may be the answer, or the gold query, or words.
PERHAPS = _names(
    "sql query sql_query answer response completion output model_output model_answer model_response result"
)
ROLES: Mapping[Role, frozenset[str]] = {
    "db_id": DB_ID,
    "index": _names("index idx question_index question_idx example_index dev_index position"),
    "id": _names("id question_id qid instance_id example_id task_id"),
    "question": QUESTION,
    "gold": GOLD,
}
MOST = 0.5


class NoField(Exception):
    """Which field holds the query cannot be told; the text says why."""


def is_known(name: str) -> bool:
    """Tell whether a field of this name, as ``rows.name_of`` has it, has a meaning here."""
    return name in PREDICTED or name in PERHAPS or any(name in names for names in ROLES.values())


def query_field(columns: Mapping[str, Sequence[str]], names: Mapping[str, str], known: Known) -> str:
    """Return the field that holds the query; ``columns`` are the texts in each, ``names`` as ``rows.name_of`` has them.

    A field that is named for it, else the only one that holds queries and is not the gold.

    Raises:
        NoField: none is, or several are.
    """
    sure = [field for field in columns if names[field] in PREDICTED]
    if len(sure) == 1:
        return sure[0]
    golds = [field for field in columns if names[field] in ROLES["gold"]]
    told = [field for field in columns if any(names[field] in known_names for known_names in ROLES.values())]
    left = sure or [field for field in columns if field not in told]
    holding = [field for field in left if _mostly_queries(columns[field])]
    if len(holding) > 1 and len(others := [f for f in holding if not known.all_golds(_said(columns[f]))]) == 1:
        holding = others
    if not holding:
        holding = [field for field in left if names[field] in PERHAPS or field in sure]
    if len(holding) == 1:
        return holding[0]
    if not holding:
        only = f', and only "{golds[0]}" names a query' if golds else ""
        raise NoField(f"none of its fields is known to hold the answer's query{only} ({_listed(columns)})")
    raise NoField(f"several of its fields may hold the answer's query ({_listed(holding)})")


def roles_of_cells(columns: Sequence[Sequence[str]], known: Known) -> dict[int, Role]:
    """Tell by what stands in the columns of a file without a header which they are.

    Raises:
        NoField: a column is none of these, or several hold queries.
    """
    roles: dict[int, Role] = {}
    queries = []
    for i, column in enumerate(columns):
        said = _said(column)
        if said and all(text in known.db_ids for text in said):
            roles[i] = "db_id"
        elif said and all(text.isdigit() for text in said) and len(said) == len(column):
            roles[i] = "index"
        elif sum(normal_text(text) in known.questions for text in said) > MOST * len(said):
            roles[i] = "question"
        elif _mostly_queries(column) or (len(columns) == 1):
            queries.append(i)
        else:
            raise NoField(f"what its column {i + 1} holds cannot be told, as in {shortened(said[0] if said else '')}")
    if len(queries) > 1:
        golds = [i for i in queries if known.all_golds(_said(columns[i]))]
        if len(golds) == 1 and len(queries) == 2:
            roles[golds[0]] = "gold"
            queries.remove(golds[0])
    if len(queries) != 1:
        which = ", ".join(str(i + 1) for i in queries) or "none"
        raise NoField(f"one of its columns must hold the queries (those that seem to: {which})")
    return roles | {queries[0]: "sql"}


def role_of(name: str) -> Role | None:
    """Return what a field of this name, as ``rows.name_of`` has it, tells of the question."""
    return next((role for role, names in ROLES.items() if name in names), None)


def shortened(text: str) -> str:
    """Return a text as it is quoted in a message.

    >>> shortened("SELECT  a FROM t")
    '"SELECT a FROM t"'
    """
    line = " ".join(text.split())
    return f'"{line[:50]}…"' if len(line) > 50 else f'"{line}"'


def _mostly_queries(column: Sequence[str]) -> bool:
    said = _said(column)
    return sum(map(begins_a_query, said)) > MOST * len(said)


def _said(column: Sequence[str]) -> list[str]:
    return [text.strip() for text in column if text.strip()]


def _listed(fields: Mapping[str, Sequence[str]] | Sequence[str]) -> str:
    return ", ".join(f'"{field}"' for field in fields)
