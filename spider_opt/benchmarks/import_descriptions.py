"""What columns hold, told by CSV files, one a table, into the folder that an import makes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from spider_opt.benchmarks.descriptions import NAME, read_text
from spider_opt.benchmarks.shown_gold import shows_gold
from spider_opt.databases import read_schema
from spider_opt.errors import DatasetError
from spider_opt.rows import name_of
from spider_opt.types import Schema

FOLDER = "database_description"


def copy_descriptions(
    descriptions: Path, databases: Mapping[str, Path], golds: Iterable[tuple[str, str, str]] = ()
) -> None:
    """Copy the CSV files of each database beside it; they lie in a folder of its name, or there is but one database.

    ``golds`` are (place, db_id, query) of the questions that will be asked.

    Raises:
        DatasetError: there is none, one cannot be read, is about no table or column of its database, or shows one of
            ``golds``.
    """
    found, golds = 0, list(golds)
    for db_id, database in databases.items():
        own = descriptions / db_id
        place = own if own.is_dir() or len(databases) > 1 else descriptions
        files = sorted(file for file in place.glob("*") if file.suffix.lower() == ".csv") if place.is_dir() else []
        schema = read_schema(database, db_id) if files else None
        for file in files:
            text = read_text(file)
            if schema is not None:
                _check(file, text, schema)
            if place_of := next((at for at, db, gold in golds if db == db_id and shows_gold(text, gold)), None):
                raise DatasetError(
                    f"{file} has the gold query of {place_of}, and a model is shown what it says: take it out"
                )
            target = database.parent / FOLDER / file.name
            target.parent.mkdir(exist_ok=True)
            target.write_text(text, encoding="utf-8")
        found += len(files)
    if not found:
        raise DatasetError(
            f"{descriptions} has no CSV file that says what columns hold: it needs TABLE.csv, or DATABASE/TABLE.csv "
            f"where there are several databases, with the columns {NAME} and column_description"
        )


def _check(file: Path, text: str, schema: Schema) -> None:
    table = next((table for table in schema.tables if table.name.lower() == file.stem.lower()), None)
    if table is None:
        raise DatasetError(
            f"{file} is about no table of {schema.db_id}, whose are {', '.join(table.name for table in schema.tables)}"
        )
    try:
        header, *rows = csv.reader(io.StringIO(text))
    except (csv.Error, ValueError) as error:
        raise DatasetError(f"{file} is no CSV that can be read: {error}") from error
    names = [name_of(cell) for cell in header]
    if NAME not in names:
        raise DatasetError(f"{file} has no column {NAME}, which must name the columns of {table.name}")
    at = names.index(NAME)
    known = {column.name.strip().lower() for column in table.columns}
    for row in rows:
        if at < len(row) and (name := row[at].strip()) and name.lower() not in known:
            raise DatasetError(f'{file} tells of "{name}", which is no column of {table.name}')
