"""What a benchmark says of the columns of its databases: a CSV file for each table, as BIRD has them.

Read as they come: with a byte-order mark or without, in UTF-8 or in an encoding of Windows, names with blanks around
them or in other letters than in the database. What fits no column is left out.
"""

from __future__ import annotations

import csv
import io
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from spider_opt.errors import DatasetError
from spider_opt.rows import name_of
from spider_opt.types import Column, Schema, Table

MAX_BYTES = 10_000_000
_LOG = logging.getLogger("spider_opt")
NAME = "original_column_name"
_TOLD = (NAME, "column_name", "column_description", "value_description")
_EMPTY_WORDS = re.compile(r"^\W*(?:common\s?sense evidence\b\W*)+", re.IGNORECASE)


def described(schema: Schema, folder: Path) -> Schema:
    """Return a schema whose columns say what they hold, as far as the folder tells; it need not be there."""
    if not folder.is_dir():
        return schema
    files = {_plain(path.stem): path for path in sorted(folder.iterdir()) if path.suffix.lower() == ".csv"}
    return replace(schema, tables=tuple(_table(table, files.get(_plain(table.name))) for table in schema.tables))


def read_text(path: Path) -> str:
    """Return what a text file holds, whatever encoding it is in.

    Raises:
        DatasetError: it cannot be read.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DatasetError(f"{path} is larger than a description of columns can be.")
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"Cannot read {path}: {error.strerror or error}.") from error
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    return "\n".join(map(_decoded, data.removeprefix(b"\xef\xbb\xbf").split(b"\n")))


def _decoded(line: bytes) -> str:
    """Decode a line by itself: some of a file's may be in another encoding than the others."""
    for encoding in ("utf-8", "cp1252"):
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            continue
    return line.decode("latin-1")


def _table(table: Table, path: Path | None) -> Table:
    if path is None:
        return table
    try:
        told = dict(_rows(read_text(path)))
    except (DatasetError, csv.Error) as error:
        _LOG.warning("what %s says of columns is not shown: %s", path, error)
        return table
    return replace(table, columns=tuple(_column(column, told) for column in table.columns))


def _column(column: Column, told: Mapping[str, tuple[str, ...]]) -> Column:
    """Return a column with what is said of it: its name in plain words, where that is another, and the file's."""
    texts = {_letters(text): text.strip() for text in (column.words, *told.get(_plain(column.name), ()))}
    texts.pop(_letters(column.name), None)
    said = [text for key, text in texts.items() if key and not any(key in other for other in texts if other != key)]
    return replace(column, about="; ".join(said))


def _rows(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield a column's name, and what it is called, what it is and what its values are."""
    rows = csv.reader(io.StringIO(text.replace("\0", "")), strict=False)
    header = {name_of(cell): i for i, cell in enumerate(next(rows, []))}
    for row in rows:
        cells = [row[at] if (at := header.get(name)) is not None and at < len(row) else "" for name in
                 _TOLD]  # fmt: skip
        if cells[0].strip():
            yield _plain(cells[0]), tuple(map(_said, cells[1:]))


def _said(text: str) -> str:
    """Return a text in one line, without words that say nothing."""
    return " ".join(_EMPTY_WORDS.sub("", " ".join(text.split())).split()).strip(" .;")


def _letters(text: str) -> str:
    return "".join(re.findall(r"\w", text.casefold().replace("_", "")))


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").split()).casefold()
