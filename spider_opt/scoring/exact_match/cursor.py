"""A place in the words of a query."""

from __future__ import annotations

from collections.abc import Container, Sequence

from spider_opt.scoring.exact_match.words import Unreadable

_SHOWN = 40


class Cursor:
    """``at`` is the place of the next word, ``end`` that at which there are none."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self.at = 0
        self.end = len(words)

    def is_over(self) -> bool:
        """Tell whether there are no more words."""
        return self.at >= self.end

    def is_in(self, wanted: Container[str]) -> bool:
        """Tell whether the next word is one of those."""
        return self.at < self.end and self._words[self.at] in wanted

    def word(self) -> str:
        """Return the next word and stay.

        Raises:
            Unreadable: there is none.
        """
        if self.at >= self.end:
            raise Unreadable("it ends too early")
        return self._words[self.at]

    def take(self) -> str:
        """Return the next word and go on.

        Raises:
            Unreadable: there is none.
        """
        word = self.word()
        self.at += 1
        return word

    def passes(self, wanted: str) -> bool:
        """Go on if that word comes next, and tell whether it does."""
        if self.at < self.end and self._words[self.at] == wanted:
            self.at += 1
            return True
        return False

    def skip(self, word: str) -> None:
        """Go on as long as that word comes next."""
        while self.passes(word):
            pass

    def expect(self, wanted: str) -> None:
        """Go on over that word.

        Raises:
            Unreadable: another one comes, or none.
        """
        if (word := self.take()) != wanted:
            raise Unreadable(f"{shown(word)} stands where {shown(wanted)} is due")

    def go_behind(self, wanted: str, start: int) -> None:
        """Go behind the first such word from ``start`` on.

        Raises:
            Unreadable: there is none.
        """
        try:
            self.at = self._words.index(wanted, start) + 1
        except ValueError:
            raise Unreadable(f"there is no {wanted.upper()}") from None


def shown(word: str) -> str:
    """Return a word as messages have it, the beginning of a long one."""
    return repr(word if len(word) <= _SHOWN else f"{word[:_SHOWN]}…")
