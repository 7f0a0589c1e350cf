"""Prices: ours are whole and dated, a user's stand before them, and what is not known is never 0."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest

from spider_opt.errors import UsageError
from spider_opt.prices import COLUMNS, OURS, Price, Prices, prices
from spider_opt.types import Usage

OPENAI = "https://api.openai.com/v1"


@pytest.fixture(autouse=True)
def no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPIDER_OPT_PRICES", raising=False)


def test_each_line_of_ours_has_a_day_a_source_and_a_place() -> None:
    with OURS.open() as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert len({row["model"] for row in rows}) == len(rows)
    for row in rows:
        assert tuple(row) == COLUMNS
        assert date.fromisoformat(row["as_of"]) <= date.today()
        assert row["source"].startswith("https://")
        assert row["hosts"]
        assert 0 < float(row["cached"]) < float(row["input"]) < float(row["output"])


def test_a_model_is_priced_where_it_is_known() -> None:
    known = prices()
    found = known.find("gpt-4.1-mini", OPENAI)
    assert found is not None
    assert (found.input, found.cached, found.output) == (0.4, 0.1, 1.6)
    for model, endpoint in (
        ("gpt-4.1-mini", "http://127.0.0.1:8000/v1"), ("gpt-4.1-mini", ""), ("gpt-9", OPENAI), ("", OPENAI),
        ("gpt-4.1-mini", "https://api.openai.com.evil.example/v1"),
    ):  # fmt: skip
        assert known.find(model, endpoint) is None


def test_dollars() -> None:
    price = Price("m", 2.0, 8.0, 0.5)
    usage = Usage(3, 1_000_000, 400_000, 100_000, 1.0)
    assert price.dollars(usage) == pytest.approx(0.6 * 2 + 0.4 * 0.5 + 0.1 * 8)
    assert Price("m", 2.0, 8.0).dollars(usage) == pytest.approx(2 + 0.8)
    assert Price("m", 1, 0).dollars(Usage(1, 10, 99, 0)) == pytest.approx(10e-6)  # a server that counts wrongly
    assert Price("m", 1.0, 1.0, 3.0).most_input == 3.0


def test_a_users_own_file_stands_before_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("Model;Input;Output;Source\nqwen*;0.2;0.6;invoice\nGPT-4.1;1;2;contract\n", encoding="utf-8-sig")
    for known in (prices(path), prices(str(path))):
        assert known.find("Qwen2.5-72B", "http://10.0.0.1/v1") == Price("qwen*", 0.2, 0.6, source="invoice")
        at_openai = known.find("gpt-4.1", OPENAI)
        assert at_openai is not None
        assert at_openai.input == 1
        assert known.find("gpt-4o", OPENAI) == prices().find("gpt-4o", OPENAI)
    monkeypatch.setenv("SPIDER_OPT_PRICES", str(path))
    assert prices().find("qwen2.5") is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("model,input\nm,1\n", "has no output on line 2"),
        ("model,input,output\nm,1,free\n", "says 'free' where a number of dollars is due on line 2"),
        ("model,input,output\nm,-1,2\n", "0 or more on line 2"),
        ("model,input,output\nm,nan,2\n", "where a number of dollars is due"),
        ("model,input,output\nm,1e999,2\n", "where a number of dollars is due"),
        ("model,input,output\nm,1\n", "prices: line 2 has 2 cells where line 1 has 3"),
        ("model,input,output\n,1,2\n", "has no model on line 2"),
        ('model,input,output\n"m,1,2\n', "CSV"),
        ("model,input,cache,output\nm,1,0.1,2\n", 'it has a column "cache", which is none of these'),
        ("model,input,output,hosts\nm,1,2,https://api.openai.com/v1\n", 'says "https://api.openai.com/v1" where'),
        ("model,input,output,hosts\nm,1,2,localhost:8000\n", "names of hosts are due on line 2"),
        ('model,input,output,hosts\nm,1,2,"a.com,b.com"\n', "names of hosts are due on line 2"),
        ("1,2\n3,4\n", "has no header"),
        ("model,model,input,output\nm,m,1,2\n", 'two columns that are called "model"'),
    ],
)
def test_what_is_no_file_of_prices(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match="is no file of prices") as caught:
        prices(path)
    assert said in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIDER_OPT_PRICES", str(tmp_path / "gone.csv"))
    with pytest.raises(UsageError, match=r"gone\.csv cannot be read"):
        prices()


def test_a_price_comes_back_as_it_was_written_down() -> None:
    for price in (Price("m", 1.5, 2), Price("m", 0, 0, 0, ("a.b", "c.d"), "2026-05-26", "https://x")):
        assert Price.from_json(price.to_json()) == price
    for broken in (
        {},
        {"input": "x", "output": 1},
        {"input": True, "output": 1},
        {"input": 1, "output": 1, "hosts": 3},
    ):
        with pytest.raises((TypeError, ValueError)):
            Price.from_json(broken)
    assert Prices(()).find("m") is None
