"""What tests of trainings may use."""

import pytest
from tiny_model import lessons, needed, one_thread, tiny, tokenizer, tuned

__all__ = ["lessons", "needed", "one_thread", "other_rows", "tiny", "tokenizer", "tuned"]


@pytest.fixture
def other_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search databases with other rows in this process, and not for long."""
    monkeypatch.setattr("spider_opt.suites.build.usable_processors", lambda: 1)
    monkeypatch.setattr("spider_opt.suites.search.N_AT_LARGE", 30)
    monkeypatch.setattr("spider_opt.suites.search.N_TRIES", 10)
