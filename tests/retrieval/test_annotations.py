from __future__ import annotations

import ast
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

from spider_opt.linking.masking import masked
from spider_opt.retrieval import annotations as module
from spider_opt.retrieval.annotations import MADE_BY, Annotations
from spider_opt.retrieval.text_cache import TextCache
from spider_opt.sql import hardness, normal, skeleton
from spider_opt.types import Question, Schema, Table

QUERIES = ["SELECT Name FROM t AS x;", "select name from t", "SELECT ) nonsense", "", "SELECT '\ud83d'"]

TEXTS = ["How many lions?", "Which ships are old?", "How many lions?"]


def question(table: str, text: str) -> Question:
    return Question("q", text, Schema("d", (Table(table, ()),)))


def test_what_is_derived(tmp_path: Path) -> None:
    with closing(TextCache(tmp_path / "texts.sqlite")) as kept:
        for _ in range(2):
            annotations = Annotations(kept)
            assert annotations.normals(QUERIES) == {sql: normal.normalized(sql) for sql in QUERIES}
            assert annotations.skeletons(QUERIES) == {sql: skeleton.skeleton(sql) for sql in QUERIES}
            assert annotations.levels(QUERIES) == {sql: hardness.hardness(sql) for sql in QUERIES}


def test_masked_questions_depend_on_the_schema(tmp_path: Path) -> None:
    questions = [question(db_id, text) for db_id in ("lions", "ships") for text in TEXTS]
    with closing(TextCache(tmp_path / "texts.sqlite")) as kept:
        for _ in range(2):
            assert Annotations(kept).masked(questions) == [masked(q) for q in questions]


def test_nothing_is_derived_twice_until_the_code_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(TextCache(tmp_path / "texts.sqlite")) as kept:
        annotations = Annotations(kept)
        annotations.skeletons(QUERIES)
        annotations.masked([question("lions", text) for text in TEXTS])
        monkeypatch.setattr(skeleton, "skeleton", lambda sql: "changed")
        monkeypatch.setattr(module.masking, "masked", None)
        assert annotations.skeletons(QUERIES)[""] == ""
        annotations.masked([question("lions", text) for text in TEXTS])
        monkeypatch.setattr(module, "_code", lambda: "changed")
        assert annotations.skeletons(QUERIES)[""] == "changed"
        with pytest.raises(TypeError):
            annotations.masked([question("lions", TEXTS[0])])


def test_the_code_that_derives_is_all_looked_at() -> None:
    """What the modules import of ours is among them, or says only what things are."""
    known = {made_by.__name__ for made_by in MADE_BY}
    for made_by in MADE_BY:
        assert _ours(made_by) <= known | {"spider_opt.types"}, made_by.__name__


def _ours(made_by: ModuleType) -> set[str]:
    nodes = ast.walk(ast.parse(Path(str(made_by.__file__)).read_text()))
    return {n.module for n in nodes if isinstance(n, ast.ImportFrom) and n.module and n.module.startswith("spider_opt")}
