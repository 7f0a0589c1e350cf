"""What llama.cpp does with a GBNF grammar, one character at a time.

Covered: rules, literals, character classes, groups, ``? * + {m,n}``, comments. Not covered: tokens, ``.``.
Source: llama.cpp, src/llama-grammar.cpp (``parse_sequence``, ``llama_grammar_advance_stack``).
"""

from __future__ import annotations

import random
import re

Class = tuple[bool, frozenset[str], tuple[tuple[str, str], ...]]
"""Whether it is negated, its characters, its ranges."""
Symbol = str | Class
"""A rule's name or a class of characters."""
Stack = tuple[tuple[str, int, int], "Stack"] | None
"""Where to go on (rule, alternative, position), and below it where to go on after that."""

_LEXEME = re.compile(
    r'"(?P<literal>(?:[^"\\]|\\.)*)"|\[(?P<not>\^?)(?P<class>(?:[^\]\\]|\\.)*)\]|(?P<name>[\w-]+)'
    r"|(?P<mark>[()|]|[?*+]|\{(?P<low>\d+)(?P<comma>,?)(?P<high>\d*)\})|(?P<space>[ \n]+|#[^\n]*)"
)
_CHAR = re.compile(r"\\x([0-9A-Fa-f]{2})|\\u([0-9A-Fa-f]{4})|\\([trn\\\"\[\]-])|([^\\])", re.DOTALL)


class Grammar:
    """A grammar and the states it has been in: ``states[i]`` are the stacks of state i, state 0 the beginning."""

    def __init__(self, text: str) -> None:
        self.rules: dict[str, list[list[Symbol]]] = {}
        for rule in re.split(r"\n(?=[\w-]+ ::= )", text.strip()):
            name, _, body = rule.partition(" ::= ")
            assert name not in self.rules, f"rule {name} is there twice"
            rest = self._alternatives(name, [m for m in _lexemes(body) if m["space"] is None], name)
            assert not rest, f"{rest[0][0]!r} in rule {name}"
        used = {symbol for rule in self.rules.values() for way in rule for symbol in way if isinstance(symbol, str)}
        assert used | {"root"} == set(self.rules), used ^ set(self.rules)
        rounds = self._left_recursive()
        assert not rounds, f"left recursion in {rounds}"
        self._heights: dict[str, float] = {}
        while len(self._heights) < len(self.rules):
            new = {r: min(map(self._height, ways)) + 1 for r, ways in self.rules.items() if r not in self._heights}
            lowest = min(new.values())
            self._heights |= {r: height for r, height in new.items() if height == lowest}
        start: set[Stack] = set()
        for i in range(len(self.rules["root"])):
            self._advance((("root", i, 0), None), start)
        self.states = [frozenset(start)]
        self._known = {self.states[0]: 0}
        self._steps: dict[tuple[int, str], int] = {}

    def read(self, text: str) -> int | None:
        """Return the state after ``text``, None where it cannot be read."""
        state = 0
        for char in text:
            if (state, char) not in self._steps:
                self._steps[state, char] = self._step(state, char)
            state = self._steps[state, char]
            if not self.states[state]:
                return None
        return state

    def accepts(self, text: str) -> bool:
        """Tell whether ``text`` may be a whole answer."""
        state = self.read(text)
        return state is not None and None in self.states[state]

    def good_part(self, text: str) -> str:
        """Return the longest beginning that can be read."""
        return next(text[:n] for n in range(len(text), -1, -1) if self.read(text[:n]) is not None)

    def sentence(self, chance: random.Random, depth: int = 25) -> str:
        """Return an answer that the grammar allows, drawn at random; below ``depth`` the shortest way out."""

        def say(symbol: Symbol, depth: int) -> str:
            if not isinstance(symbol, str):
                negated, singles, ranges = symbol
                pool = singles | {chr(code) for low, high in ranges for code in range(ord(low), ord(high) + 1)}
                return chance.choice(sorted(set("ab %_é") - pool if negated else pool))
            ways = self.rules[symbol]
            way = chance.choice([w for w in ways if self._height(w) < depth] or [min(ways, key=self._height)])
            return "".join(say(part, depth - 1) for part in way)

        return say("root", depth)

    def _height(self, way: list[Symbol]) -> float:
        return max((self._heights.get(s, float("inf")) if isinstance(s, str) else 0 for s in way), default=0)

    def _step(self, state: int, char: str) -> int:
        after: set[Stack] = set()
        for stack in self.states[state]:
            if stack is None:
                continue
            (rule, way, i), below = stack
            symbol = self.rules[rule][way][i]
            assert not isinstance(symbol, str)
            if _matches(symbol, char):
                self._advance(((rule, way, i + 1), below), after)
        found = frozenset(after)
        if found not in self._known:
            self._known[found] = len(self.states)
            self.states.append(found)
        return self._known[found]

    def _advance(self, stack: Stack, found: set[Stack]) -> None:
        """Add the stacks that wait for a character (None for the end) to ``found``."""
        todo, seen = [stack], set()
        while todo:
            stack = todo.pop()
            while stack is not None and stack[0][2] == len(self.rules[stack[0][0]][stack[0][1]]):
                stack = stack[1]
            if stack in seen:
                continue
            seen.add(stack)
            if stack is None:
                found.add(stack)
                continue
            (rule, way, i), below = stack
            symbol = self.rules[rule][way][i]
            if isinstance(symbol, str):
                # The last symbol of a rule leaves nothing to come back to.
                after = ((rule, way, i + 1), below) if i + 1 < len(self.rules[rule][way]) else below
                todo += [((symbol, j, 0), after) for j in range(len(self.rules[symbol]))]
            else:
                found.add(stack)

    def _alternatives(self, rule: str, tokens: list[re.Match[str]], base: str) -> list[re.Match[str]]:
        ways: list[list[Symbol]] = [[]]
        last = 0  # where the last item begins
        self.rules[rule] = ways
        while tokens and tokens[0][0] != ")":
            token, *tokens = tokens
            if token[0] == "|":
                ways.append([])
                last = 0
            elif token["mark"] is None:
                last = len(ways[-1])
                ways[-1] += [token["name"]] if token["name"] else _classes(token)
            elif token[0] == "(":
                inner = self._fresh(base)
                last = len(ways[-1])
                ways[-1].append(inner)
                tokens = self._alternatives(inner, tokens, base)
                assert tokens, f"a group of {base} is not closed"
                tokens = tokens[1:]
            else:
                self._repeat(ways[-1], last, *_bounds(token), base)
        return tokens

    def _repeat(self, way: list[Symbol], start: int, low: int, high: int | None, base: str) -> None:
        item = way[start:]
        way[start:] = item * low
        name: str | None = None
        for _ in range(1 if high is None else high - low):
            before, name = name, self._fresh(base)
            more: list[Symbol] = [name] if high is None else [before] if before else []
            self.rules[name] = [item + more, []]
        if name:
            way.append(name)

    def _fresh(self, base: str) -> str:
        name = f"{base}_{len(self.rules)}"
        self.rules[name] = []
        return name

    def _left_recursive(self) -> set[str]:
        empty: set[str] = set()
        while more := {r for r, ways in self.rules.items() if any(empty.issuperset(w) for w in ways)} - empty:
            empty |= more
        first: dict[str, set[str]] = {}
        for rule, ways in self.rules.items():
            first[rule] = set()
            for way in ways:
                for symbol in way:
                    if isinstance(symbol, str):
                        first[rule].add(symbol)
                    if symbol not in empty:
                        break
        for rule in self.rules:
            todo, seen = list(first[rule]), set()
            while todo:
                if (symbol := todo.pop()) not in seen:
                    seen.add(symbol)
                    todo += first[symbol]
            if rule in seen:
                return {rule}
        return set()


def _lexemes(text: str) -> list[re.Match[str]]:
    found, at = [], 0
    while at < len(text):
        match = _LEXEME.match(text, at)
        assert match, f"what is {text[at : at + 20]!r}"
        found.append(match)
        at = match.end()
    return found


def _classes(token: re.Match[str]) -> list[Symbol]:
    if token["literal"] is not None:
        return [(False, frozenset(char), ()) for char in _chars(token["literal"])]
    singles, ranges, rest = set(), [], token["class"]
    while rest:
        match = _CHAR.match(rest)
        assert match, rest
        rest = rest[match.end() :]
        if rest.startswith("-") and len(rest) > 1:
            upper = _CHAR.match(rest, 1)
            assert upper, rest
            ranges.append((_char(match), _char(upper)))
            rest = rest[upper.end() :]
        else:
            singles.add(_char(match))
    return [(token["not"] == "^", frozenset(singles), tuple(ranges))]


def _chars(text: str) -> list[str]:
    found = list(_CHAR.finditer(text))
    assert "".join(match[0] for match in found) == text, text
    return [_char(match) for match in found]


def _char(match: re.Match[str]) -> str:
    if code := match[1] or match[2]:
        return chr(int(code, 16))
    return {"t": "\t", "r": "\r", "n": "\n"}.get(match[3], match[3]) if match[3] else match[4]


def _bounds(token: re.Match[str]) -> tuple[int, int | None]:
    if token["low"] is None:
        return {"?": (0, 1), "*": (0, None), "+": (1, None)}[token[0]]
    low = int(token["low"])
    return low, int(token["high"]) if token["high"] else None if token["comma"] else low


def _matches(symbol: Class, char: str) -> bool:
    negated, singles, ranges = symbol
    return negated != (char in singles or any(low <= char <= high for low, high in ranges))
