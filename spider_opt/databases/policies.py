"""What a statement may do: only read, or on a copy that is thrown away nearly anything."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from spider_opt.errors import NotAQuery, QueryError, QueryFailed

_READING = frozenset((sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE))
_FORBIDDEN_FUNCTIONS = frozenset(("load_extension", "fts3_tokenizer", "readfile", "writefile", "edit", "eval"))
_SQLITES_MODULES = {
    "fts3", "fts4", "fts5", "fts3tokenize", "fts4aux", "fts5vocab", "rtree", "rtree_i32", "geopoly", "dbstat",
    "json_each", "json_tree", "sqlite_stmt",
}  # fmt: skip
_OF_THE_PROCESS = {"hard_heap_limit": True, "soft_heap_limit": True, "temp_store_directory": False}
_OF_THE_PROCESS["data_store_directory"] = False
"""PRAGMAs that would outlive the copy, and whether they have a row."""


class NotRun(NotAQuery):
    """A statement that is not run even on a copy."""


def only_reading(action: int, first: str | None, second: str | None) -> QueryError | None:
    """Say why something may not be done to a database that must stay as it is."""
    if action not in _READING and not _asks_for_changes(action, first, second):
        return NotAQuery("not a reading query: it does more than SELECT from the database's tables")
    return _forbidden_function(action, second)


def on_a_copy(modules: Collection[str], action: int, first: str | None, second: str | None) -> QueryError | None:
    """Say why something may not be done to a copy in memory; ``modules`` are those for virtual tables, lower case."""
    if action == sqlite3.SQLITE_ATTACH and first != ":memory:":
        return NotRun("could reach the disk")
    if action == sqlite3.SQLITE_CREATE_VTABLE and second and second.lower() not in _SQLITES_MODULES:
        there = second.lower() in modules
        return NotRun("could reach the disk") if there else QueryFailed(f"no such module: {second}")
    if action == sqlite3.SQLITE_PRAGMA and first and second and first.lower() in _OF_THE_PROCESS:
        has_row = _OF_THE_PROCESS[first.lower()]
        return QueryFailed("sets something for the whole process") if has_row else NotRun("sets something")
    return _forbidden_function(action, second)


def _asks_for_changes(action: int, pragma: str | None, value: str | None) -> bool:
    """Tell what FTS5 asks before it reads a table: whether somebody wrote to it."""
    return action == sqlite3.SQLITE_PRAGMA and pragma == "data_version" and value is None


def _forbidden_function(action: int, name: str | None) -> QueryError | None:
    if action == sqlite3.SQLITE_FUNCTION and name is not None and name.lower() in _FORBIDDEN_FUNCTIONS:
        return QueryFailed(f"not authorized to use function: {name}")
    return None
