from __future__ import annotations

from spider_opt.sql.keys import implied_keys, only_key
from spider_opt.types import Column, ForeignKey, Schema, Table


def table(name: str, *columns: str) -> Table:
    """Return a table; a column that ends in * is a primary key."""
    return Table(name, tuple(Column(c.rstrip("*"), "TEXT", primary_key=c.endswith("*")) for c in columns))


TABLES = (
    table("Party", "id*", "Day", "host_id"),
    table("Serving", "party_id*", "cake_id*"),
    table("Guest", "guest_no*", "name*"),
    table("Weather", "day*", "rain"),
    table("Gift", "name*", "id", "weather_day"),
    table("Card", "day*", "text"),
    table("Note", "name", "id"),
)


def test_a_column_named_as_another_tables_key_implies_one() -> None:
    assert list(implied_keys(Schema("d", TABLES))) == [
        ForeignKey("Party", "Day", "Weather", "day"),
        ForeignKey("Party", "Day", "Card", "day"),
    ]


def test_only_one_column_is_an_only_key() -> None:
    assert [only_key(table) for table in TABLES] == ["id", None, None, "day", "name", "day", None]
