"""A query's words in one spelling, so that two queries can be compared, also where they do not parse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING, Literal, NamedTuple

from spider_opt.sql.lexer import tokens as sqlite_tokens
from spider_opt.sql.lexer import unquoted
from spider_opt.sql.names import RESERVED, quoted, quoted_text
from spider_opt.sql.parse import parse

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.optimizer.scope import Scope

MARKS = {"<>": "!=", "==": "="}
"""Two spellings of one operator: the one that is kept by the other."""
_COMPARES = {"=", "!=", "<", ">", "<=", ">=", "like", "glob", "between"}


class Token(NamedTuple):
    """A piece of SQL in its one spelling; ``word`` is a keyword, a function or a name without quotes."""

    kind: Literal["word", "name", "value", "mark"]
    text: str


def tokens(sql: str) -> list[Token]:
    """Return the pieces of ``sql`` without white space, comments and semicolons.

    Double-quoted text is a value where one is due, as SQLite takes it where there is no such column.

    >>> [token.text for token in tokens('SELECT "A" FROM t WHERE B <> "X y" -- so')]
    ['select', 'a', 'from', 't', 'where', 'b', '!=', "'X y'"]
    """
    found = [token for token in sqlite_tokens(sql) if not token.says_nothing and token.text != ";"]
    pieces: list[Token] = []
    for i, (kind, text, _) in enumerate(found):
        before = pieces[-1].text if pieces else ""
        dotted = before == "." or (i + 1 < len(found) and found[i + 1].text == ".")
        if kind == "word":
            pieces.append(Token("word", text.lower()))
        elif kind in ("string", "name"):
            inner = unquoted(text)
            is_text = kind == "string" or (text[0] == '"' and _value_is_due(pieces))
            if is_text and not dotted and before != "as":
                pieces.append(Token("value", quoted_text(inner)))
            else:
                pieces.append(Token("name", quoted(inner.lower())))
        elif kind in ("number", "blob", "variable"):
            if kind == "number" and before in ("-", "+") and _is_sign(pieces[:-1]):
                text = pieces.pop().text.strip("+") + text
            pieces.append(Token("value", text.lower()))
        elif kind == "illegal" and text[0].isalnum():  # 2nd
            pieces.append(Token("word", text.lower()))
        else:
            pieces.append(Token("mark", MARKS.get(text, text)))
    return pieces


@lru_cache(maxsize=16384)
def normalized(sql: str) -> str:
    """Return ``sql`` so that spellings of one query are equal: case, space, quotes, aliases, final semicolon.

    A query that does not parse keeps its aliases. Not covered: a column with and without its table where there are
    several, the order of conditions, other ways to say the same.

    >>> normalized('SELECT T1.Name FROM  Singer AS T1 WHERE T1.Country = "France";')
    "select name from singer where country = 'France'"
    """
    plain = _joined(sql)
    return _joined(_without_aliases(plain))


def without_values(sql: str) -> str:
    """Return a query's normal form with a mark in place of each value: equal for queries that differ in values alone.

    >>> without_values("SELECT a FROM t AS x WHERE x.b IN (1, 2)") == without_values("select A from t where b in (3)")
    True
    """
    pieces: list[str] = []
    for token in tokens(normalized(sql)):
        pieces.append("?" if token.kind == "value" else token.text)
        if pieces[-3:] == ["?", ",", "?"]:  # a list of values, of whatever length
            del pieces[-2:]
    return " ".join(pieces)


def _joined(sql: str) -> str:
    return " ".join(token.text for token in tokens(sql)).replace(" . ", ".")


def _value_is_due(before: Sequence[Token]) -> bool:
    """Tell whether the right side of a comparison follows, a bound, or an item of a list of values."""
    last = [token.text for token in before[-3:]]
    if last and (last[-1] in _COMPARES or (last[-1] == "and" and last[0] == "between")):
        return True
    listed = takewhile(lambda token: token.kind == "value" or token.text == ",", reversed(before))
    i = len(before) - sum(1 for _ in listed)
    return [token.text for token in before[max(i - 2, 0) : i]] == ["in", "("]


def _is_sign(before: Sequence[Token]) -> bool:
    """Tell whether a plus or minus behind these belongs to the number that follows."""
    if not before or before[-1].kind != "word":
        return not before or (before[-1].kind == "mark" and before[-1].text != ")")
    return before[-1].text in RESERVED | _COMPARES


def _without_aliases(sql: str) -> str:
    """Write tables' names in place of their aliases, none at a column where only one can be meant, none for results."""
    from sqlglot import exp
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.scope import traverse_scope

    tree = parse(sql)
    if tree is None:
        return sql
    tree = tree.copy()
    try:
        scopes = traverse_scope(tree)
    except (SqlglotError, RecursionError):
        return sql
    names = {id(scope): _names(scope) for scope in scopes}
    tables: dict[int, tuple[exp.Column, str]] = {}
    for scope in scopes:  # inner ones first, and a column also stands among those of the scopes around its own
        for column in scope.find_all(exp.Column):
            owner: Scope | None = scope
            while owner and column.table not in names[id(owner)]:
                owner = owner.parent
            if owner and id(column) not in tables:
                alone = owner is scope and len(names[id(scope)]) == 1
                tables[id(column)] = column, "" if alone else names[id(owner)][column.table]
    for column, name in tables.values():
        column.set("table", exp.to_identifier(name, quoted=True) if name else None)
    for scope in scopes:
        for alias, source in scope.sources.items():
            if isinstance(source, exp.Table):
                name = names[id(scope)][alias]
                source.set("alias", None if name == source.name else exp.TableAlias(this=exp.to_identifier(name)))
    _name_no_results(tree)
    return tree.sql(dialect="sqlite", comments=False)


def _name_no_results(tree: exp.Expr) -> None:
    """Take away the names that the query gives its results, where it does not use them itself."""
    from sqlglot import exp

    used = {column.name.lower() for column in tree.find_all(exp.Column)}
    parts = [tree]
    while parts:
        part = parts.pop().unnest()
        if isinstance(part, exp.SetOperation):
            parts += [part.left, part.right]
        elif isinstance(part, exp.Select):
            part.set("expressions", [
                each.this
                if isinstance(each, exp.Alias) and (each.alias.lower() not in used or _is_its_own(each))
                else each
                for each in part.expressions
            ])  # fmt: skip


def _is_its_own(named: exp.Alias) -> bool:
    from sqlglot import exp

    return isinstance(named.this, exp.Column) and named.this.name.lower() == named.alias.lower()


def _names(scope: Scope) -> dict[str, str]:
    """Return what the scope's sources shall be called: a table by its name, its second use by ``name__2``."""
    from sqlglot import exp

    uses: Counter[str] = Counter()
    names = {}
    for alias, source in scope.sources.items():
        name = source.name if isinstance(source, exp.Table) else alias
        uses[name] += 1
        names[alias] = f"{name}__{uses[name]}" if uses[name] > 1 else name
    return names
