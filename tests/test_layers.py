"""Who may import whom, read from the source; how long starting takes; how long a file may be."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "spider_opt"
# From the bottom up; what stands in one line may import what stands in the lines above, and what SIDEWAYS says.
ORDER = (
    (
        "types",
        "errors",
        "wording",
        "arguments",
        "kinds",
        "paths",
        "package_files",
        "package_needs",
        "cache_use",
        "plugins",
        "processors",
        "progress",
        "rows",
        "prices",
        "store",
        "temporary",
    ),
    ("databases", "sql", "models", "prompts"),
    ("linking", "benchmarks"),
    ("retrieval", "scoring"),
    ("answering", "suites"),
    ("steps",),
    ("methods",),
    ("runs",),
    ("evaluation",),
    ("analysis", "leaderboard", "report", "training"),
    ("improving", "review"),
    ("bound_method", "cache_contents", "integrations"),
    ("cli", "__main__"),
    ("",),  # the public names: spider_opt/__init__.py
)
SIDEWAYS = {
    "cache_use": ("paths",),
    "store": ("paths",),
    "temporary": ("paths",),
    "errors": ("types",),
    "arguments": ("types", "errors", "wording"),
    "package_needs": ("package_files",),
    "plugins": ("errors", "package_needs", "package_files"),
    "rows": ("errors", "types"),
    "prices": ("errors", "rows", "types"),
    "progress": ("arguments",),
    "databases": ("sql",),
    "prompts": ("sql",),
    "report": ("analysis",),
    "leaderboard": ("analysis",),
    "__main__": ("cli",),
}
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}
HEAVY = {
    "torch", "sentence_transformers", "hnswlib", "pandas", "openai", "xllamacpp", "ray", "httpx", "sqlglot", "sqlparse",
    "rich", "numpy", "transformers", "peft", "gguf", "llguidance", "matplotlib", "inspect_ai", "mlflow", "jinja2",
}  # fmt: skip
# Their classes are torch's, so they cannot be made without it; nobody else may import them before they are used.
OF_TORCH = {
    f"spider_opt.models.torch.{name}" for name in ("attention", "decoding", "int8", "lora", "mlp", "pieces", "together")
}
OF_TORCH.add("spider_opt.training.loss")
# Its functions are tasks by Inspect's decorators; Inspect alone imports it.
OF_INSPECT = {"spider_opt.integrations.inspect_tasks"}
ALONE = OF_TORCH | OF_INSPECT
MAX_LINES = {"types.py": 520}  # every noun in one place, on purpose
MODULES = sorted(PACKAGE.rglob("*.py"))
assert len(MODULES) > 200
USER_CPU_S = 0.3


@cache
def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, *, outside_functions: bool = False) -> Iterator[tuple[int, str]]:
    """Yield (line, module) of all imports, also in functions and under TYPE_CHECKING, or of those at import time."""
    known = {module_name(other) for other in MODULES}
    package = module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]
    for node in _at_import(ast.parse(path.read_text())) if outside_functions else ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield node.lineno, full if full in known else base


def _at_import(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _at_import(child)


def part(module: str) -> str:
    """Return the name of the part a module of ours belongs to: 'spider_opt.cli.eval' is in 'cli'."""
    return [*module.split("."), ""][1]


@cache
def ours(path: Path) -> list[tuple[int, str]]:
    return [(line, module) for line, module in imports(path) if module.split(".")[0] == "spider_opt"]


def test_nothing_imports_upwards_or_sideways() -> None:
    wrong = []
    for path in MODULES:
        here = part(module_name(path))
        assert here in LEVEL, f"say in this test where spider_opt.{here} stands"
        allowed = {here, *SIDEWAYS.get(here, ())}
        others = [(line, module) for line, module in ours(path) if module != "spider_opt"]  # that is for the version
        up = [(line, m) for line, m in others if LEVEL[part(m)] >= LEVEL[here] and part(m) not in allowed]
        wrong += [f"{path}:{line} imports {m}" for line, m in up]
    assert wrong == []


def test_nobody_is_allowed_what_nobody_does() -> None:
    done = {(part(module_name(path)), part(module)) for path in MODULES for _, module in ours(path)}
    assert {(here, there) for here, several in SIDEWAYS.items() for there in several} <= done


def test_heavy_packages_are_imported_where_they_are_used() -> None:
    found = []
    for path in MODULES:
        allowed = {"torch", *OF_TORCH} if module_name(path) in OF_TORCH else set()
        allowed |= {"inspect_ai"} if module_name(path) in OF_INSPECT else set()
        found += [
            f"{path}:{line} imports {m}"
            for line, m in imports(path, outside_functions=True)
            if (m.split(".")[0] in HEAVY and m.split(".")[0] not in allowed) or m in ALONE - allowed
        ]
    assert found == []


def test_types_import_nothing_of_ours() -> None:
    assert ours(PACKAGE / "types.py") == []
    assert [module for _, module in ours(PACKAGE / "errors.py")] == ["spider_opt.types"]


def test_a_step_knows_no_gold_no_benchmark_and_no_other_step() -> None:
    steps = sorted((PACKAGE / "steps").glob("*.py"))
    assert len(steps) > 10
    known = [(path.name, m) for path in steps for _, m in ours(path)]
    others = [(n, m) for n, m in known if part(m) in ("scoring", "benchmarks") or m.startswith("spider_opt.steps")]
    assert others == []


def test_a_module_is_read_in_one_sitting() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in MODULES}
    assert {path: n for path, n in lines.items() if n >= MAX_LINES.get(path.name, 300)} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import numpy", ["numpy"]),
        ("import numpy.linalg as x", ["numpy.linalg"]),
        ("def f():\n    from spider_opt import cli", ["spider_opt.cli"]),
        ("from spider_opt.runs import Run", ["spider_opt.runs"]),
        ("from spider_opt.cli import eval", ["spider_opt.cli.eval"]),
        ("from . import runs", ["spider_opt.runs"]),
        ("from .cli.eval import x", ["spider_opt.cli.eval"]),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas", ["typing", "pandas"]),
        ("class A:\n    import torch", ["torch"]),
    ],
)
def test_this_test_sees(source: str, found: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    path = PACKAGE / "invented.py"
    monkeypatch.setattr(Path, "read_text", lambda _: source)
    assert [module for _, module in imports(path)] == found
    at_import = [module for _, module in imports(path, outside_functions=True)]
    assert at_import == ([] if "def " in source else [m for m in found if m != "pandas"])


OPTION = re.compile(r"(?<![\w-])--[a-z]")
# Whole commands to type, which are the same for everybody; and the help's own.
SPEAKS = ("argument", "either", "switched_on")
COMMANDS = {
    ("bound_method.py", 'sqlite3 "{stem}.sqlite" ".import --csv {path} {stem}"'),
    ("benchmarks/splits.py", "--benchmark"),
    ("benchmarks/fetch.py", " --sha256 "),
    ("benchmarks/listing.py", "`--questions FILE`"),
    ("evaluation/official_driver.py", "--"),
    ("models/weights.py", " --from PATH"),
    ("runs/describing.py", "--error-unmatch"),
    ("runs/describing.py", "--short=12"),
    ("runs/describing.py", "--porcelain"),
    ("runs/describing.py", "--untracked-files=no"),
    ("runs/describing.py", "--"),
}
# What is for a shell, and what says which argument is which option.
LEFT_OUT = ("cli", "arguments.py", "wording.py")
SPOKEN = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.relative_to(PACKAGE).parts[0] not in LEFT_OUT and path.name != "sources.py"  # which calls pip
]


def texts(node: ast.AST) -> Iterator[str]:
    """Yield the texts in code that are neither its documentation nor asked of ``wording``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Name) and child.func.id in SPEAKS:
            continue
        if isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.value
        yield from texts(child)


def test_the_library_names_no_option_by_itself() -> None:
    found = {(str(path.relative_to(PACKAGE)), text) for path in SPOKEN for text in texts(ast.parse(path.read_text()))}
    options = {(where, text) for where, text in found if OPTION.search(text) and "spider-opt " not in text}
    assert options - COMMANDS == set(), (
        "who calls from Python knows no options: see wording.argument and wording.switched_on"
    )


def test_this_test_sees_options() -> None:
    code = 'def f():\n    "--doc"\n    raise E(f"give {x} --out")\n\ny = either("out", "--out")\n'
    assert [text for text in texts(ast.parse(code)) if OPTION.search(text)] == [" --out"]


def _python(*arguments: str) -> tuple[str, float]:
    """Run Python, return what it printed and the seconds of user CPU time it took."""
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = process.stdout.read()
    process.stdout.close()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return printed, used.ru_utime


def test_help_comes_at_once() -> None:
    runs = [_python("-c", "from spider_opt.cli import main; main()", "--help") for _ in range(3)]
    assert all("spider-opt eval --method zero-shot" in printed for printed, _ in runs)
    assert min(seconds for _, seconds in runs) < USER_CPU_S


def test_no_command_loads_what_is_heavy_before_it_is_called() -> None:
    commands = [module_name(path) for path in MODULES if part(module_name(path)) == "cli"]
    code = f"""
import importlib, json, sys
for name in {commands!r}:
    importlib.import_module(name)
print(json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""
    printed, _ = _python("-c", code)
    assert not HEAVY & set(json.loads(printed))


def test_nothing_heavy_is_loaded_by_importing_all_there_is() -> None:
    names = [module_name(path) for path in MODULES if path.name != "__main__.py"]
    names = [name for name in names if name not in ALONE]
    code = f"""
import importlib, json, sys
for name in {names!r}:
    importlib.import_module(name)
print(json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""
    printed, _ = _python("-c", code)
    assert not HEAVY & set(json.loads(printed))
