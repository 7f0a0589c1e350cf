"""Other names for a schema, so that names are learnt to be copied and not to be remembered.

A model that sees one schema many times learns its names by heart, and then writes ``DEPART_CODE`` where another schema
says ``DEPT_CODE``. Renamed anew in each pack, the same questions can only be answered from what is shown.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from spider_opt.prompts.schema_text import Values
from spider_opt.sql.lexer import tokens, unquoted
from spider_opt.sql.names import RESERVED, quoted
from spider_opt.types import Context, Schema

# Words of queries beside the reserved ones; a name that is one of these keeps its name, and none is made.
_NOT_RENAMED = (
    "asc desc like glob offset cross inner left outer natural full over with recursive cast integer int real text "
    "numeric date time datetime year month day count sum avg min max abs length lower upper round substr strftime "
    "coalesce ifnull iif true false rowid oid _rowid_ end row rows if t1 t2 t3 t4 t5 t6"
)
_WORDS = RESERVED | frozenset(_NOT_RENAMED.split())
_PIECE = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_SHORTENED_FROM = 5
"""Letters that a word has at least to be shortened."""

Style = Callable[[list[str]], str]
STYLES: tuple[Style, ...] = (
    lambda words: "_".join(words).lower(),
    lambda words: "_".join(words).upper(),
    lambda words: "_".join(word.capitalize() for word in words),
    lambda words: "".join(word.capitalize() for word in words),
    lambda words: words[0].lower() + "".join(word.capitalize() for word in words[1:]),
    lambda words: "".join(words).lower(),
)
SHORT: tuple[Callable[[str], str], ...] = (
    lambda word: word[:3],
    lambda word: word[:4],
    lambda word: word[0] + re.sub("[aeiou]", "", word[1:].lower())[:4],
)


@dataclass(frozen=True, slots=True)
class Renaming:
    """New names by the old ones in lower case: one for each, be it of tables, columns or both."""

    names: Mapping[str, str]

    def name(self, old: str) -> str:
        """Return the new name, or the old one where there is none."""
        return self.names.get(old.lower(), old)

    def schema(self, schema: Schema) -> Schema:
        """Return a schema with its names changed, all else as it is."""
        return replace(
            schema,
            tables=tuple(
                replace(
                    table,
                    name=self.name(table.name),
                    columns=tuple(replace(column, name=self.name(column.name)) for column in table.columns),
                )
                for table in schema.tables
            ),
            foreign_keys=tuple(
                replace(
                    key,
                    table=self.name(key.table),
                    column=self.name(key.column),
                    ref_table=self.name(key.ref_table),
                    ref_column=self.name(key.ref_column),
                )
                for key in schema.foreign_keys
            ),
        )

    def context(self, context: Context) -> Context:
        """Return what retrieval brought for a schema in its new names; demos are of other schemas."""
        return replace(
            context,
            tables=tuple((self.name(table), tuple(map(self.name, columns))) for table, columns in context.tables),
            values=tuple((self.name(table), self.name(column), value) for table, column, value in context.values),
        )

    def values(self, values: Values) -> Values:
        """Return values by their (table, column) in the new names."""
        return {(self.name(table), self.name(column)): found for (table, column), found in values.items()}

    def query(self, sql: str) -> str:
        """Return a query in the new names; its clauses may stand in any order.

        Text in double quotes is a name only where a name needs them, else it is a string.
        """
        found = [*tokens(sql)]
        pieces = [token.text for token in found]
        for i, token in enumerate(found):
            if token.kind == "name":
                name = unquoted(token.text)
                if quoted(name) == name:
                    continue
            elif token.kind == "word" and pieces[i + 1 : i + 2] != ["("]:
                name = token.text
            elif token.kind == "comment":
                pieces[i] = token.text[:2] + self.query(token.text[2:])
                continue
            else:
                continue
            if name.lower() in self.names:
                pieces[i] = quoted(self.names[name.lower()])
        return "".join(pieces)


def renamed(schema: Schema, rng: random.Random) -> Renaming:
    """Return new names for a schema's tables and columns, drawn by ``rng``.

    One way of writing names is drawn for the schema, and which words are shortened and how. The words are those of the
    names, or of their descriptions where there are some; that of its table may stand before a column's that no other
    table has. Names that are words of SQL stay.
    """
    style, by_words = rng.choice(STYLES), rng.random() < 0.5
    share, table_share = rng.choice((0.0, 0.3, 0.6)), rng.choice((0.0, 0.0, 0.3))
    short: dict[str, str] = {}

    def written(words: Iterable[str]) -> list[str]:
        out = []
        for word in words:
            if word.lower() not in short:
                shorter = len(word) >= _SHORTENED_FROM and word.isalpha() and rng.random() < share
                short[word.lower()] = rng.choice(SHORT)(word) if shorter else word
            out.append(short[word.lower()])
        return out

    said = {table.name: table.words for table in schema.tables}
    tables_with: dict[str, list[str]] = defaultdict(list)
    for table in schema.tables:
        for column in table.columns:
            said.setdefault(column.name, column.words)
            tables_with[column.name.lower()].append(table.name)
    tables = {table.name.lower() for table in schema.tables}
    names: dict[str, str] = {}
    taken = {old.lower() for old in said if _is_word(old)}
    for old, words in said.items():
        if _is_word(old) or old.lower() in names:
            continue
        pieces = written(_PIECE.findall(words if by_words and words else old)) or [old]
        owners = tables_with[old.lower()]
        if len(owners) == 1 and old.lower() not in tables and rng.random() < table_share:
            pieces = [*written(_PIECE.findall(owners[0])), *pieces]
        new = style(pieces)
        if not quoted(new).isidentifier() or _is_word(new):
            new = old
        n, first = 2, new
        while new.lower() in taken:
            new, n = f"{first}_{n}", n + 1
        taken.add(new.lower())
        names[old.lower()] = new
    return Renaming(names)


def _is_word(name: str) -> bool:
    return name.lower() in _WORDS
