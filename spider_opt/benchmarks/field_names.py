"""What other tools call the parts of a question, by ``rows.name_of``."""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


QUESTION = _names("question nlq nl nl_question natural_language_question question_text utterance spider_syn_question")
DB_ID = _names("db_id db database db_name database_name database_id schema_id")
GOLD = _names(
    "gold gold_sql gold_query golden_sql golden_query ground_truth ground_truth_sql reference reference_sql"
    " reference_query target target_sql label expected expected_sql expected_query true_sql correct_sql"
)
QUERY = _names("query sql sql_query") | GOLD
EVIDENCE = _names("evidence hint hints notes note knowledge external_knowledge")
DIFFICULTY = _names("difficulty level hardness")
