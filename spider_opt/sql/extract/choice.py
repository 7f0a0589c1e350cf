"""Which of the queries that an answer offers is its answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from spider_opt.sql.extract.parser import Says

# What stands before a query says what it is: first of all whether another question has begun.
_OTHER_QUESTION = re.compile(
    r"(?:^|\n)[\W_]*(?:question|user|human|input|instruction|example|schema|q)\s*\d*[*_]*\s*[:：]"
    r"|[?？]\s*\Z|#[^\n]*[?？]",
    re.IGNORECASE,
)
_CORRECTED = re.compile(
    r"\b(?:correct(?:ed|ion|ing|ly)?|fix(?:ed|ing)?|mended|revis(?:ed|ion)|final(?:ly)?|actually|instead|wrong"
    r"|mist(?:ake|aken)|incorrect|sorry|apologi[sz]e|apologies|oops|wait|updated?|improved|rewritten"
    r"|should (?:be|have been)|error|bug"
    r"|right (?:one|query|answer)|on second thought|complete query)\b"
    r"|korrigier|richtig|endgültig|falsch|corrig|corregid|correcci|definitiv|исправ|итог|правильн"
    r"|修正|更正|最终|正确|訂正|正しい|최종|수정",
    re.IGNORECASE,
)
_ALTERNATIVE = re.compile(
    r"\balternativ|\b(?:or|oder|ou|или)\b\W*(?:[\w,' ]{0,60})?[:：]?\s*\Z|\bor,"
    r"|\banother (?:way|option|approach|possibility|query|form)\b|\byou (?:can|could|may|might) also\b"
    r"|\bequivalent|\boptional|\bif you (?:want|prefer|need|would|only|also)\b|\bvariants?\b"
    r"|\bthe same (?:result|thing|can|as)\b"
    r"|或者|另一种|または|또는|\bo bien\b|\bsinon\b",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r"\bexplanation\b|\bexplained\b|\bhow it works\b|\bbreak(?:s|ing)? ?down\b|\bfor example\b|\be\.g\."
    r"|\bto (?:test|verify|check|see|inspect|run|try) (?:it|this|that|the|what|which)?|\bsample (?:output|data|result)"
    r"|\b(?:output|result)\s*[:：]|\bthe (?:inner|outer|sub-?query)\b",
    re.IGNORECASE,
)
_DRAFT = re.compile(
    r"(?:^|\n|[.:;] *)[\W_]*(?:draft|first(?: (?:try|attempt|draft|version|idea))?|initial(?:ly)?|attempt|idea|step"
    r"|sub-?query|thoughts?|reasoning|sketch)\b",
    re.IGNORECASE,
)
_LABEL = re.compile(r"\b(?:sql\w*|query|answer|solution|response|result)\s*(?:query|statement)?[\W_]*\Z", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"\w[^\w\n]*\(\s*\Z")
_WORDS = re.compile(r"\w+|[^\w\s]")


class Place(IntEnum):
    """Where a query stands in an answer, by how surely it is offered there."""

    OPERAND = 0
    """In a sentence, in brackets, as what something is compared with."""
    WORDS = 1
    """In a sentence, without quotes."""
    QUOTED = 2
    """In a sentence, in quotes."""
    LINE = 3
    """At the beginning of a line or behind a label."""
    BLOCK = 4
    """In a fenced block, in JSON, or between tags."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A query, where it ends, where it stands and after which words, whether it is one or another statement."""

    sql: str
    end: int
    place: Place
    lead: str
    says: Says
    is_query: bool = True


def is_correction(lead: str) -> bool:
    """Whether words announce that what follows them stands in the place of what was said before.

    >>> is_correction("That is the wrong column. Corrected:"), is_correction("It lists the names, like")
    (True, False)
    """
    return bool(_CORRECTED.search(lead))


def chosen(offers: Sequence[Offer]) -> Offer | None:
    """Return the last query that is offered as the answer, which an alternative or another question's is not."""
    best: Offer | None = None
    for offer in offers:
        if best is None:
            best = offer
        elif _OTHER_QUESTION.search(offer.lead) and best.is_query:
            break
        elif _replaces(offer, best):
            best = offer
    return best


def _replaces(offer: Offer, best: Offer) -> bool:
    if offer.is_query != best.is_query:
        return offer.is_query
    if is_correction(offer.lead) and offer.place >= min(best.place, Place.WORDS):
        return offer.says is not Says.WRONG or best.place <= offer.place
    if _spelled_as_prose(best) and offer.says is Says.WHOLE and offer.place >= best.place:
        return True
    if _ALTERNATIVE.search(offer.lead) or _ASIDE.search(offer.lead):
        return False
    if offer.place != best.place:
        return offer.place > best.place
    if offer.place < Place.LINE:
        return False
    if _DRAFT.search(best.lead):
        return not _DRAFT.search(offer.lead) or offer.place is Place.BLOCK
    if offer.place is Place.LINE:
        if _is_operand(best) and not _is_operand(offer) and offer.says is Says.WHOLE:
            return True
        return bool(_LABEL.search(offer.lead)) and not _LABEL.search(best.lead) and bool(best.lead.strip())
    return not _is_part(offer.sql, best.sql)


def _spelled_as_prose(offer: Offer) -> bool:
    return offer.says is Says.WRONG and not offer.sql[:6].isupper()


def _is_operand(offer: Offer) -> bool:
    """Whether a query stands in brackets behind words that do not call it the answer, as "the average: (SELECT"."""
    return bool(_IN_BRACKETS.search(offer.lead)) and not _LABEL.search(offer.lead)


def _is_part(part: str, whole: str) -> bool:
    """Whether a query stands in another, which explains it: a query in parentheses, or a clause."""
    one, other = (_WORDS.findall(sql.lower()) for sql in (part, whole))
    if len(one) >= len(other):
        return False
    return " ".join(one) in " ".join(other) and (part.count("FROM") == 0 or f"( {' '.join(one)} )" in " ".join(other))
