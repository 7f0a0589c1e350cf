"""Which field or column of a file holds the query, and which tell of the question."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, TypeVar

from spider_opt.benchmarks.field_names import DB_ID, EVIDENCE, GOLD, QUESTION
from spider_opt.benchmarks.questions import normal_text
from spider_opt.rows import begins_a_query
from spider_opt.runs.prediction_files.entries import GOLDS, Known, bare

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
    "sql query sql_query answer response completion output model_output model_answer model_response result reply"
    " raw_output raw_response raw_answer raw_completion llm_output llm_response llm_answer assistant generated_text"
    " generated_answer final_answer full_response predicted_answer"
)
# What is called so is no answer, whatever queries it shows.
CONTEXT = EVIDENCE | _names(
    "prompt prompts input inputs instruction instructions messages system context schema db_schema ddl create_table"
    " examples demonstrations demos few_shot skeleton query_toks query_toks_no_value question_toks"
)
ROLES: Mapping[Role, frozenset[str]] = {
    "db_id": DB_ID,
    "index": _names("index idx question_index question_idx example_index dev_index position"),
    "id": _names("id question_id qid instance_id example_id task_id"),
    "question": QUESTION,
    "gold": GOLD,
}
MOST = 0.5
MOST_NAMED = 8
_SELECT = re.compile(r"\bselect\b", re.IGNORECASE)
K = TypeVar("K")


class NoField(Exception):
    """Which field holds the query cannot be told; the text says why."""


def is_known(name: str) -> bool:
    """Tell whether a field of this name, as ``rows.name_of`` has it, has a meaning here."""
    return name in PREDICTED or name in PERHAPS or any(name in names for names in ROLES.values())


def query_field(
    columns: Mapping[str, Sequence[str]],
    names: Mapping[str, str],
    known: Known,
    *,
    nested: Mapping[str, Sequence[str]] = MappingProxyType({}),
    extract: bool = False,
) -> str:
    """Return the field that holds the query; ``columns`` are the texts in each, ``names`` as ``rows.name_of`` has them.

    A field that is named for it, else the only one that holds queries and is not the gold. One that holds the
    benchmark's golds is not taken where another may be the answer, which may begin with words; with ``extract``, which
    takes queries out of them, that one is taken. ``nested`` are the fields that hold lists or objects, as JSON.

    Raises:
        NoField: none is, or several are.
    """
    told = {
        field
        for field, name in names.items()
        if role_of(name) or name in CONTEXT or _are_questions(columns.get(field, ()), known)
    }
    sure = [field for field in columns if names[field] in PREDICTED]
    chosen = sure[0] if len(sure) == 1 else _holding(columns, names, known, sure, told)
    if not known.are_golds(said(columns[chosen])):
        return chosen
    rivals = [
        field
        for field, column in (*columns.items(), *nested.items())
        if field not in (chosen, *told)
        and _may_be_answer(names[field], column, by_name=chosen not in sure)
        and not known.are_golds(said(column))
        and not (field in columns and _is_taken_from(columns[chosen], column))
    ]
    if not rivals:
        return chosen
    [first, *others] = rivals
    if extract and not others and first in columns and names[first] in PERHAPS and _mention_queries(columns[first]):
        return first
    raise NoField(f"\"{chosen}\" holds the benchmark's gold queries, and {_listed(rivals)} may hold the answer's query")


def _holding(
    columns: Mapping[str, Sequence[str]],
    names: Mapping[str, str],
    known: Known,
    sure: Sequence[str],
    told: Collection[str],
) -> str:
    """Return the only field that holds queries and no golds, of those that are surely answers if there are any."""
    left = sure or [field for field in columns if field not in told]
    holding = _but_golds({field: columns[field] for field in left if _mostly_queries(columns[field])}, known)
    if not holding:
        holding = [field for field in left if names[field] in PERHAPS or field in sure]
    if len(holding) == 1:
        return holding[0]
    if not holding:
        golds = [field for field in columns if names[field] in ROLES["gold"]]
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
        texts = said(column)
        if texts and all(text in known.db_ids for text in texts):
            roles[i] = "db_id"
        elif texts and all(text.isdigit() for text in texts) and len(texts) == len(column):
            roles[i] = "index"
        elif _are_questions(column, known):
            roles[i] = "question"
        elif _mostly_queries(column) or (len(columns) == 1):
            queries.append(i)
        else:
            raise NoField(f"what its column {i + 1} holds cannot be told, as in {shortened(texts[0] if texts else '')}")
    if len(queries) == 2 and len(answers := _but_golds({i: columns[i] for i in queries}, known)) == 1:
        roles |= {i: "gold" for i in queries if i not in answers}
        queries = answers
    if len(queries) != 1:
        which = _listed([str(i + 1) for i in queries]).replace('"', "") or "none"
        raise NoField(f"one of its columns must hold the queries (those that seem to: {which})")
    return roles | {queries[0]: "sql"}


def role_of(name: str) -> Role | None:
    """Return what a field of this name, as ``rows.name_of`` has it, tells of the question."""
    return next((role for role, names in ROLES.items() if name in names), None)


def mentions_a_query(text: str) -> bool:
    """Tell whether there may be a query in what somebody said."""
    return _SELECT.search(text) is not None


def shortened(text: str) -> str:
    """Return a text as it is quoted in a message.

    >>> shortened("SELECT  a FROM t")
    '"SELECT a FROM t"'
    """
    line = " ".join(text.split())
    return f'"{line[:50]}…"' if len(line) > 50 else f'"{line}"'


def said(column: Sequence[str]) -> list[str]:
    """Return what a column says where it says anything."""
    return [text.strip() for text in column if text.strip()]


def _but_golds(columns: Mapping[K, Sequence[str]], known: Known) -> list[K]:
    """Return the columns without those that hold golds, if one stays then; else all of them.

    Good answers are golds, too, many of them: what are all golds is left out first, then what are nearly all.
    """
    if len(columns) > 1:
        for share in (1.0, GOLDS):
            others = [name for name, column in columns.items() if not known.are_golds(said(column), share)]
            if len(others) == 1:
                return others
    return list(columns)


def _may_be_answer(name: str, column: Sequence[str], *, by_name: bool) -> bool:
    return (by_name and name in PERHAPS | PREDICTED) or _mention_queries(column)


def _is_taken_from(queries: Sequence[str], answers: Sequence[str]) -> bool:
    """Tell whether each of these queries stands in the answer beside it, but for its blanks."""
    return all(bare(query) in bare(answer) for query, answer in zip(queries, answers, strict=True))


def _are_questions(column: Sequence[str], known: Known) -> bool:
    texts = said(column)
    return sum(normal_text(text) in known.questions for text in texts) > MOST * len(texts)


def _mostly_queries(column: Sequence[str]) -> bool:
    texts = said(column)
    return sum(map(begins_a_query, texts)) > MOST * len(texts)


def _mention_queries(column: Sequence[str]) -> bool:
    texts = said(column)
    return sum(map(mentions_a_query, texts)) > MOST * len(texts)


def _listed(fields: Mapping[str, Sequence[str]] | Sequence[str]) -> str:
    names = [f'"{field}"' for field in fields]
    n_more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {n_more} more" if n_more > 0 else "")
