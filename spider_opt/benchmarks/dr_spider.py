"""Dr.Spider's 17 perturbations of Spider's dev, each with the questions before and after it.

Its databases are in the repository: of sets that change them in each set's folder, of the others in ``Spider-dev`` (the
authors' ``data_preprocess.py`` copies these into each set, where they are found too). The questions' files there are
kept by Git LFS, and no copy was at hand: their fields are Spider's by what other projects read of them. Not read:
``gold_*.sql``, which repeat the questions' queries.
Source: github.com/awslabs/diagnostic-robustness-text-to-sql, README and data_preprocess.py.
"""

from __future__ import annotations

from spider_opt.benchmarks.source import Source, Split

SETS = (
    *("DB_schema_synonym", "DB_schema_abbreviation", "DB_DBcontent_equivalence"),
    *("NLQ_keyword_synonym", "NLQ_keyword_carrier", "NLQ_column_synonym", "NLQ_column_carrier", "NLQ_column_attribute"),
    *("NLQ_column_value", "NLQ_value_synonym", "NLQ_multitype", "NLQ_others"),
    *("SQL_comparison", "SQL_sort_order", "SQL_NonDB_number", "SQL_DB_text", "SQL_DB_number"),
)
BEFORE = "-pre"
"""What stands behind a set's name for its questions before the perturbation."""
# The repository's folder, its data alone, or the repository inside of Spider's folder, which has training questions.
_PLACES = ("data/", "", "diagnostic-robustness-text-to-sql/data/")


def _split(name: str, when: str) -> Split:
    """Return where a set's questions lie, ``pre`` or ``post`` the perturbation."""
    changed = when == "post" and name.startswith("DB_")
    folders = [f"{name}/database_{when}_perturbation", f"{name}/databases_{when}_perturbation"]
    tables = [f"{name}/tables_{when}_perturbation.json"]
    if not changed:
        folders += [f"{name}/databases", "Spider-dev/databases"]
        tables += [f"{name}/tables.json", "Spider-dev/tables.json"]
    first, *more = [f"{place}{folder}/{{db_id}}/{{db_id}}.sqlite" for place in _PLACES for folder in folders]
    named, *or_named = [f"{place}{file}" for place in _PLACES for file in tables]
    asked, *or_asked = [f"{place}{name}/questions_{when}_perturbation.json" for place in _PLACES]
    return Split((asked,), named, first, tuple(or_named), or_questions=tuple(or_asked), other_databases=tuple(more))


DR_SPIDER = Source(
    title="Dr.Spider",
    about="Spider's dev under 17 perturbations of databases, questions and queries (Chang et al. 2023).",
    licence="Apache-2.0",
    splits={
        **{name: _split(name, "post") for name in SETS},
        **{f"{name}{BEFORE}": _split(name, "pre") for name in SETS},
    },
    default="NLQ_keyword_synonym",
    or_else=SETS,
    aliases={f"{name}-post": name for name in SETS},
    training="spider:train",
    page="https://github.com/awslabs/diagnostic-robustness-text-to-sql",
    variable="DR_SPIDER_DIR",
    signs=tuple(f"{place}{name}/questions_post_perturbation.json" for place in _PLACES[:2] for name in SETS),
)
