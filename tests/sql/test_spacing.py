from __future__ import annotations

import pytest

from spider_opt.sql.spacing import outside_quotes, tidy


def test_tidy_leaves_text_alone() -> None:
    assert tidy(" SELECT\t1 ,\n 'a  b;' ; ; ") == "SELECT 1 , 'a  b;'"


@pytest.mark.parametrize(
    ("sql", "changed"),
    [
        ("a 'a' a", "b 'a' b"),
        ("a 'a''a' \"a\" `a` a", "b 'a''a' \"a\" `a` b"),
        ("a 'a", "b 'b"),  # never closed
        ("", ""),
    ],
)
def test_what_stands_in_quotes_is_not_changed(sql: str, changed: str) -> None:
    assert outside_quotes(sql, lambda text: text.replace("a", "b")) == changed
