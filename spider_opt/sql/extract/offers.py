"""The queries that a text offers, in its order, none of them from a thought."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from spider_opt.sql.extract import marks
from spider_opt.sql.extract.choice import Offer, Place, chosen, is_correction
from spider_opt.sql.extract.ends import Body, scan
from spider_opt.sql.extract.parser import Parser, Says
from spider_opt.sql.extract.places import Signs, is_word, place_of, statement_begins
from spider_opt.sql.extract.queries import from_first_at, query_at, reads_as_query

_MAX_EVENTS, _MAX_WEAK, _MAX_JSON, _MAX_DEPTH, _LEAD = 4_000, 60, 16, 4, 400
_TAIL, _INDENT, _RANKS, _HEAD = 100_000, 80, 3, 40
_MAY_HOLD = re.compile("|".join((*marks.QUERIES, *marks.OTHERS)), re.IGNORECASE)
_FINAL_KEY = re.compile(r"final|correct|fixed|revised", re.IGNORECASE)
_SQL_KEY = re.compile(r"sql|query|statement|answer|result|output|response|solution|content|argument", re.IGNORECASE)
_THOUGHT_KEY = re.compile(
    r"think|thought|reason|rational|expla|analys|plan|draft|step|note|comment|question|schema|error|attempt|wrong|example",
    re.IGNORECASE,
)
_INSERTS = re.compile(r"\b(?:INSERT|REPLACE)\b[^;]*\Z", re.IGNORECASE)
_NESTED = re.compile(r"(?:[(,]|\b(?:UNION|EXCEPT|INTERSECT)(?:\s+ALL)?)\s*\Z")
_MAY_BE_SQL = re.compile(r"SELECT|WITH|VALUES|(?i:from)|[^\w\s,.]|\d")
_FROM = re.compile(r"\bFROM\b")
_OTHER_ROLES = ("user", "system", "human", "tool", "ipython")


class Reader:
    """Reads one text on the way to its end; what it asks of SQLite and how much JSON it reads is bounded.

    ``found`` are the queries so far. With ``comments`` what stands in comments outside of queries is none.
    """

    def __init__(self, text: str, parser: Parser, depth: int = 0, *, comments: bool = True) -> None:
        self.found: list[Offer] = []
        self._text, self._parser, self._depth, self._comments = text, parser, depth, comments
        self._weak: list[tuple[int, str, Place, Body | None]] = []
        self._json_left = _MAX_JSON
        self._is_closed = True
        self._at = self._begun = 0
        self._comment_from = self._comment_to = self._doubtful_to = -1

    def read(self) -> list[Offer]:
        """Return the queries of the text, in its order."""
        signs, n = Signs(self._text), 0
        while (found := signs.next(self._at))[1] and not self._parser.is_spent:
            at, sign = found
            n += 1
            if n == _MAX_EVENTS:
                self._at = max(at, len(self._text) - _TAIL)
            elif n > 2 * _MAX_EVENTS:
                break
            elif sign in marks.SIGNS:
                if not self._sign(at, sign):
                    break
            else:
                self._word(at, sign)
        self._read_weak()
        return self.found

    # --- signs -------------------------------------------------------------------------------

    def _sign(self, at: int, sign: str) -> bool:
        """Go past a sign; return False where the answer ends."""
        text, kind = self._text, marks.KINDS.match(self._text, at)
        if kind is None:
            self._at = at + len(sign)
            return True
        self._at, what = kind.end(), kind.lastgroup
        if kind["opens"]:
            end = marks.END_OF_THOUGHTS.search(text, self._at)
            self._go(end.end() if end else len(text))
        elif kind["closes"]:
            self._forget()
        elif kind["channel"]:
            self._channel(kind["channel"].lower(), kind["to"])
        elif kind["begins"]:
            other = (kind["role"] or kind["turn"] or "").lower() in _OTHER_ROLES
            return not (other and (self.found or self._weak))
        elif kind["ends"]:
            if kind["ends"].upper() != "[/INST]":
                return not (self.found or self._weak)
            self._weak.clear()  # the prompt was said again
            self._begun = self._at
            return not self.found
        elif kind["fence"]:
            self._fence(at, kind["fence"])
        elif what == "comment":
            self._comment(at, sign)
        else:
            self._json(at)
        return True

    def _go(self, at: int) -> None:
        self._at = self._begun = at

    def _forget(self) -> None:
        """What was said so far was a thought."""
        self.found.clear()
        self._weak.clear()
        self._begun = self._at

    def _channel(self, name: str, to: str) -> None:
        if name in marks.ANSWERS or "to=" in to:
            self._forget()
        else:
            following = marks.NEXT_CHANNEL.search(self._text, self._at)
            self._go(following.start() if following else len(self._text))

    def _comment(self, at: int, sign: str) -> None:
        text = self._text
        if not self._comments:
            return
        if sign == "/*":
            end = text.find("*/", at) + 2 if self._is_closed else 0
            self._is_closed = end >= 2  # what follows is searched for its end once
            if not self._is_closed:
                return
        elif not text[max(at - _INDENT, 0) : at].rpartition("\n")[2].strip() or at == 0:
            end = text.find("\n", at)
            end = end if end >= 0 else len(text)
        else:
            return
        self._comment_from, self._comment_to, self._at = self._start(at), end, end

    def _fence(self, at: int, fence: str) -> None:
        text, begun = self._text, self._at
        language = marks.LANGUAGE.match(text, begun)
        begun = language.end() if language else begun
        name = language[0].strip() if language else ""
        last = self.found[-1] if self.found else None
        near = last and last.place is Place.LINE and not name and at - last.end < _LEAD
        if last and near and not text[last.end : at].strip("; \n`"):
            return  # a block that was opened in the prompt
        end = self._end_of_block(begun, fence)
        self._at = end + len(fence)
        if marks.THOUGHT_LANGUAGE.match(name) or self._depth >= _MAX_DEPTH or not _MAY_HOLD.search(text, begun, end):
            return
        inside = chosen(Reader(text[begun:end], self._parser, self._depth + 1, comments=self._comments).read())
        if inside:
            self._add(inside, at, Place.BLOCK if inside.place >= Place.LINE else inside.place)

    def _end_of_block(self, begun: int, fence: str) -> int:
        """Return where a block is closed: at the first fence that is in no string of a query which is whole with it."""
        text = self._text
        end = text.find(fence, begun)
        if end < 0:
            return len(text)
        if text[begun : begun + _INDENT].lstrip()[:1] in ("{", "["):
            opened = len(text) - len(text[begun:].lstrip())
            behind = max(end, self._decoded(opened)[1])
            end = text.find(fence, behind) if fence in text[behind:] else len(text)
        first = _MAY_HOLD.search(text, begun, end)
        if first and any(quote in text[first.start() : end] for quote in "'\"`[-*"):
            later, _ = scan(text, first.start(), self._parser)
            if later > end and self._is_whole(first.start(), later) and not self._is_whole(first.start(), end):
                further = text.find(fence, later)
                return further if further >= 0 else len(text)
        return end

    def _is_whole(self, start: int, end: int) -> bool:
        return self._parser.says(self._text[start:end].strip()) is Says.WHOLE

    def _json(self, at: int) -> None:
        text = self._text
        if self._json_left == 0 or self._depth >= _MAX_DEPTH:
            return
        if text[at] != "{" and place_of(text, at, self._begun)[0] < Place.LINE:
            return
        said, end = self._decoded(at)
        if not end:
            return
        offers = [offer for _, offer in sorted(self._values(said, ""), key=lambda ranked: ranked[0])]
        self._at = end
        if offers:
            self._add(offers[0], at, Place.BLOCK if offers[0].place >= Place.LINE else offers[0].place)

    def _decoded(self, at: int) -> tuple[object, int]:
        """Return what is written as JSON from ``at`` on, and where that ends, which is 0 if it is none."""
        from json import JSONDecoder

        if self._json_left == 0:
            return None, 0
        self._json_left -= 1
        try:
            return JSONDecoder(strict=False).raw_decode(self._text, at)
        except (ValueError, RecursionError):
            return None, 0

    def _values(self, said: object, key: str, rank: int = 2) -> Iterator[tuple[int, Offer]]:
        """Yield the queries in what was read from JSON, each with its rank: first what is called corrected, or SQL."""
        if isinstance(said, str):
            if self._json_left >= 0 and _MAY_HOLD.search(said):
                found = chosen(Reader(said, self._parser, self._depth + 1).read())
                if found and (found.place >= Place.LINE or found.says is Says.WHOLE):
                    yield rank + (0 if found.place >= Place.LINE else _RANKS), found
        elif isinstance(said, Mapping):
            for name, value in said.items():
                if not _THOUGHT_KEY.search(name):
                    own = 0 if _FINAL_KEY.search(name) else 1 if _SQL_KEY.search(name) else 2
                    yield from self._values(value, name, min(own, rank))
        elif isinstance(said, list):
            for value in said:
                yield from self._values(value, key, rank)

    def _start(self, at: int) -> int:
        """Return where the comments begin that stand directly before a place, or the place itself."""
        near = 0 <= self._comment_to <= at <= self._comment_to + _INDENT
        return self._comment_from if near and not self._text[self._comment_to : at].strip() else at

    # --- words -------------------------------------------------------------------------------

    def _word(self, at: int, word: str) -> None:
        text = self._text
        self._at = at + len(word)
        if not is_word(text, at, word) or (at < self._doubtful_to and _NESTED.search(text, max(at - _INDENT, 0), at)):
            return
        place, opening = place_of(text, at, self._begun)
        if (start := self._start(at)) < at:
            with_comments, before = place_of(text, start, self._begun)
            place, opening, start = max(place, with_comments), before or opening, start if before else at
        if not statement_begins(text, at, word, place):
            return
        if word in ("from", *marks.OTHERS):
            self._other(at, word, place)
            return
        if place < Place.LINE or text[at : at + 2].istitle():
            if word == "values" and _INSERTS.search(text, max(at - _LEAD, 0), at):
                return
            self._amid_words(start, opening, min(place, Place.QUOTED))
            return
        body = query_at(text, start, self._parser, opening=opening)
        self._at = max(body.end, self._at)
        if body.in_line:
            place = Place.WORDS
        self._add(Offer(body.sql, body.end, place, "", body.says), at, place)

    def _amid_words(self, at: int, opening: str, place: Place) -> None:
        """Keep for the end what begins in a sentence; nothing in it is an offer of its own if it is a query."""
        head = self._text[at : at + _HEAD].rpartition(" ")[0]
        if head.isascii() and not _MAY_BE_SQL.search(head) and self._parser.says(head) is Says.WRONG:
            return
        body = None
        if not self._parser.is_half_spent:
            body = query_at(self._text, at, self._parser, opening=opening, in_sentence=True)
            if reads_as_query(body):
                self._at = max(body.end, self._at)
            elif not body.sql[:6].isupper():
                return
            elif _FROM.search(body.sql):
                self._doubtful_to = body.end  # a query that is wrong is a query too
        if len(self._weak) < _MAX_WEAK:
            self._weak.append((at, opening, place, body))

    def _other(self, at: int, word: str, place: Place) -> None:
        """Read a query with FROM first, or a statement that is no query, as which prose may begin too."""
        body = from_first_at(self._text, at, self._parser) if word == "from" else None
        if word != "from":
            body = query_at(self._text, at, self._parser)
            if body.says is not Says.WHOLE:
                return
        if body:
            self._at = max(body.end, self._at)
            self._add(Offer(body.sql, body.end, place, "", body.says, word in ("from", "explain")), at, place)

    def _read_weak(self) -> None:
        """Read what begins in sentences, where nothing else is offered or it corrects that."""
        sure = self.found[-1].end if self.found else 0
        read_to = 0
        for n, (at, opening, place, body) in enumerate(self._weak):
            lead = self._text[max(read_to, min(sure, at), at - _LEAD) : at]
            if at < read_to or (self.found and sure and not (at >= sure and is_correction(lead))):
                continue
            if body is None and self._parser.is_spent:
                break
            body = body or query_at(self._text, at, self._parser, opening=opening, in_sentence=True)
            whole = body.says is Says.WHOLE and reads_as_query(body)
            following = self._weak[n + 1][0] if n + 1 < len(self._weak) else body.end
            if not whole and following < body.end and not _FROM.search(body.sql[: following - at]):
                continue  # words about SELECT, not a query that has another in it
            if (whole and not (sure and "FROM" not in body.sql.upper())) or (not sure and body.sql[:6].isupper()):
                read_to = body.end
                self.found.append(Offer(body.sql, body.end, place, lead, body.says))

    def _add(self, offer: Offer, at: int, place: Place) -> None:
        end = max(self._at, at)
        if self._parser.is_spent and self.found:
            return  # where it ends was not asked
        lead = self._text[max(self._begun, at - _LEAD) : at] + offer.lead
        self.found.append(Offer(offer.sql, end, place, lead, offer.says, offer.is_query))
        self._begun = end
