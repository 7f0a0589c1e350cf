"""What a field of a file with answers may be by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from spider_opt.benchmarks.field_names import DB_ID, EVIDENCE, GOLD, QUESTION

Role = Literal["sql", "db_id", "index", "id", "question", "gold"]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# By ``rows.name_of``. What is called so is the answer, if nothing else named for one holds other queries.
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
# What is called so is the answer rather than the gold, and stays it even where it is as the gold is.
ANSWERS = PREDICTED | PERHAPS - {"query"}
# What is called so has words about the answer, and whatever queries were thought of on the way to it.
THOUGHTS = _names(
    "reasoning rationale explanation thought thoughts thinking cot chain_of_thought analysis comment comments steps"
    " plan trace log logs error errors feedback critique"
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


def is_known(name: str) -> bool:
    """Tell whether a field of this name, as ``rows.name_of`` has it, has a meaning here."""
    return name in PREDICTED or name in PERHAPS or any(name in names for names in ROLES.values())


def role_of(name: str) -> Role | None:
    """Return what a field of this name, as ``rows.name_of`` has it, tells of the question."""
    return next((role for role, names in ROLES.items() if name in names), None)
