"""What hosted fine-tuning will cost, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from spider_opt.training.chat_jsonl import Checked

PRICING = "https://developers.openai.com/api/docs/pricing"
PRICES_READ = "2026-08-05"
# Dollars per million training tokens of supervised fine-tuning.
# Source: the table "Finetuning" of that page, as it stood on that day.
PRICES: Mapping[str, float] = {
    "gpt-4.1-2025-04-14": 25.0,
    "gpt-4.1-mini-2025-04-14": 5.0,
    "gpt-4.1-nano-2025-04-14": 1.5,
    "gpt-4o-2024-08-06": 25.0,
    "gpt-4o-mini-2024-07-18": 3.0,
}
# Source: https://developers.openai.com/api/docs/deprecations, "Update to OpenAI's self-serve fine-tuning".
CLOSING = (
    "OpenAI is closing its fine-tuning: it refuses those who have not used it lately, and everyone from 2027-01-06 "
    "(https://developers.openai.com/api/docs/deprecations)"
)


@dataclass(frozen=True, slots=True)
class Estimate:
    """``n_tokens`` are billed: those of the training file, as often as it is read. ``price`` is per million.

    ``price`` and ``dollars`` are None where the price is not known.
    """

    n_tokens: int
    epochs: int
    price: float | None

    @property
    def dollars(self) -> float | None:
        """What the training costs."""
        return None if self.price is None else self.n_tokens * self.price / 1e6


def estimate(
    train: Checked, *, model: str, base_url: str, epochs: int | None = None, price: float | None = None
) -> Estimate:
    """Estimate the cost of training; ``price`` is in dollars per million training tokens.

    Without ``epochs`` those that OpenAI usually takes, without ``price`` OpenAI's list price. Validation is not in
    it, which some providers bill too.
    """
    times = epochs or usual_epochs(train.n_examples)
    if price is None and is_openai(base_url):
        price = PRICES.get(base_of(model))
    return Estimate(train.n_tokens * times, times, price)


def is_openai(base_url: str) -> bool:
    """Tell whether a URL is OpenAI's own."""
    return urlsplit(base_url).hostname == "api.openai.com"


def base_of(model: str) -> str:
    """Return the model that a fine-tuned one was made of, for one that is tuned further.

    >>> base_of("ft:gpt-4.1-mini-2025-04-14:org::abc"), base_of("gpt-4.1-mini-2025-04-14")
    ('gpt-4.1-mini-2025-04-14', 'gpt-4.1-mini-2025-04-14')
    """
    return model.split(":")[1] if model.startswith("ft:") else model


def usual_epochs(n_examples: int) -> int:
    """Return the epochs that OpenAI takes by itself: 3, more for few examples, fewer for many.

    Source: OpenAI cookbook, "Data preparation and analysis for chat model fine-tuning".

    >>> [usual_epochs(n) for n in (10, 40, 8000, 10_000, 30_000)]
    [10, 3, 3, 2, 1]
    """
    if n_examples * 3 < 100:
        return min(25, 100 // max(n_examples, 1))
    return max(1, 25_000 // n_examples) if n_examples * 3 > 25_000 else 3
