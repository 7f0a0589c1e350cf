from __future__ import annotations

import pytest

from spider_opt.sql.statement import is_select


@pytest.mark.parametrize(
    ("sql", "so"),
    [
        (" -- a\n/* b */ With x AS (SELECT 1) SELECT 1", True),
        ("\ufeffSELECT 1", True),
        ("selects", False),
        ("'select'", False),
        ("(SELECT 1)", False),
        ("-- SELECT 1", False),
        ("", False),
    ],
)
def test_a_query_begins_with_select_or_with(sql: str, so: bool) -> None:
    assert is_select(sql) == so
