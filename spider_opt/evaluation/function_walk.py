"""Goes from a function to all that it reads: constants, other functions, objects, modules of one's own."""

from __future__ import annotations

import builtins
import hashlib
import importlib.util
import re
import sys
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, MethodWrapperType, ModuleType
from typing import Any, Literal

from spider_opt.evaluation.class_contents import annotations_of, held_in, is_a_sign, put_into, state_of, written_in
from spider_opt.evaluation.code_reads import ANY, ASKERS, FINDERS, reads
from spider_opt.evaluation.installed_packages import is_a_packages, is_found, is_installed, version_of
from spider_opt.evaluation.plain_values import Unseen, code_text, plain
from spider_opt.evaluation.value_contents import HOLDERS, inside, is_loose, members

MAX_VALUES = 100_000
_NOTHING_INSIDE = frozenset(("_thread.lock", "_thread.RLock", "logging.Logger", "logging.RootLogger"))
_OF_MODULES = frozenset(("__builtins__", "__cached__", "__file__", "__loader__", "__path__", "__spec__"))

_TYPING = ("typing", "typing_extensions", "types")
_COMPILED = (BuiltinFunctionType, MethodWrapperType)

Part = Literal["code", "held", "attributes"]
"""What runs, and the constants that it reads; what is in containers and in variables that it changes; of objects."""


class Walk:
    """What a function reads, each thing once, under the path where it was met first.

    ``unseen`` are those of it that cannot be looked into: whatever none of the rules here reads wholly is one of them.
    Into modules it goes by name: each name that any code uses, or has as a text, is looked up in each; where code puts
    names together, all that is there.
    """

    def __init__(self, function: object) -> None:
        self.unseen: dict[str, None] = {}
        self._lines: dict[Part, list[str]] = {"code": [], "held": [], "attributes": []}
        self._met: dict[int, tuple[str, object]] = {}
        self._due: deque[tuple[str, object, Part]] = deque([("", function, "code")])
        self._names: set[str] = set()
        self._behind: dict[str, set[str]] = defaultdict(set)
        self._any_name = False
        self._modules: dict[str, tuple[ModuleType, set[str]]] = {}
        self._looked_up: set[tuple[str, str]] = set()
        while self._due:
            while self._due and len(self._met) < MAX_VALUES:
                self._see(*self._due.popleft())
            if self._due:
                self.unseen[f"more than {MAX_VALUES:,} values"] = None
                break
            self._due.extend(self._found_in_modules())

    def hash(self, part: Part) -> str:
        """Return a hash of one part, '' where there is nothing of it; each version of Python compiles otherwise."""
        lines = self._lines[part] + ([importlib.util.MAGIC_NUMBER.hex()] if part == "code" else [])
        return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()[:12] if lines else ""

    def _see(self, path: str, value: Any, part: Part) -> None:
        if any(value is finder for finder in FINDERS):
            self.unseen[f"what {value.__name__} finds"] = None
        self._any_name |= any(value is asker for asker in ASKERS)
        try:
            self._lines[part].append(f"{path}={plain(value)}")
            if issubclass(type(value), type) and id(value) not in self._met:
                self._met[id(value)] = path, value
                self._go(path, put_into(value), part)
            return
        except Unseen:
            pass
        except Exception:  # nested too deep, a file that cannot be read
            self._cannot_see(path, value)
            return
        if id(value) in self._met:
            self._lines[part].append(f"{path}->{self._met[id(value)][0]}")
            return
        self._met[id(value)] = path, value  # held, so that no other value gets its id
        try:
            self._look_into(path, value, part)
        except Exception:  # what it says of itself is wrong, or another thread changes it
            self._cannot_see(path, value)

    def _cannot_see(self, path: str, value: object) -> None:
        kind = type.__getattribute__(type(value), "__qualname__")
        self.unseen[f"{path.rpartition('.')[2] or 'what is called'} ({kind})"] = None

    def _look_into(self, path: str, value: Any, part: Part) -> None:
        kind = type(value)
        if issubclass(kind, ModuleType):
            self._module(path, value, part)
        elif issubclass(kind, FunctionType):
            self._function(path, value, part)
        elif issubclass(kind, type):
            self._class(path, value, part)
        elif (found := members(value, kind)) is not None:
            part = "held" if part == "code" and kind not in (tuple, frozenset) else part
            self._lines[part].append(f"{path}={kind.__name__} of {len(found)}")
            self._due.extend((f"{path}[{i}]", one, part) for i, one in enumerate(found))
        elif (wrapped := inside(value, kind)) is not None:
            self._go(f"{path}:{kind.__name__}", wrapped, part)
            if not is_a_packages(kind):
                self._due.append((f"{path} is a", kind, part))
        else:
            self._object(path, value, part)

    def _go(self, path: str, values: Mapping[str, object], part: Part) -> None:
        self._due.extend((f"{path}.{name}", value, part) for name, value in values.items())

    def _module(self, path: str, module: ModuleType, part: Part) -> None:
        name = str(module.__name__)
        self._modules.setdefault(name, (module, set()))[1].add(re.split(r"[.\]:]", path)[-1])
        if is_installed(name):
            self._lines[part].append(f"{name} {version_of(name)}")
        elif type(module) is not ModuleType:
            self._due.append((f"{path} is a", type(module), part))

    def _found_in_modules(self) -> Iterator[tuple[str, object, Part]]:
        """Yield what code asks modules for: those of one's own, and what somebody has put into others."""
        for name, (module, known_as) in list(self._modules.items()):
            held, installed = dict(vars(module)), is_installed(name)
            wanted = set().union(*(self._behind[called] if called.isidentifier() else {ANY} for called in known_as))
            if not installed or ANY in wanted:
                wanted = self._names | {"__getattr__"}
            if self._any_name and not installed:
                wanted = held.keys() - _OF_MODULES
            for used in sorted(wanted & held.keys()):
                if (name, used) not in self._looked_up:
                    self._looked_up.add((name, used))
                    if not installed:
                        yield f"{name}:{used}", held[used], "code"
                    elif _was_put_there(held[used], is_loose(name)):
                        yield f"{name}.{used}", held[used], "code"

    def _function(self, path: str, function: FunctionType, part: Part) -> None:
        code, outside = function.__code__, function.__globals__
        module = str(outside.get("__name__", ""))
        cells: dict[str, object] = {}
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            try:
                cells[name] = cell.cell_contents
            except ValueError:
                self._lines[part].append(f"{path}.{name} is not there")
        defaults = {"defaults": function.__defaults__, "kwdefaults": function.__kwdefaults__}
        if is_installed(module):
            self._lines[part].append(f"{path}={module}.{code.co_qualname} {version_of(module)}")
            if not (is_installed(str(function.__module__)) and is_found(function)):
                self._go(path, cells | defaults | vars(function), part)
            return
        called = function.__name__, function.__qualname__, function.__doc__
        self._lines[part].append(f"{path}={plain(called)} {code_text(code)}")
        changed = self._reads(path, code, outside, part)
        for name, value in cells.items():
            self._due.append((f"{path}.{name}", value, "held" if name in changed else part))
        self._go(path, defaults, part)
        self._annotations(path, annotations_of(function), outside, part)
        self._go(path, vars(function), "held")

    def _reads(self, path: str, code: CodeType, outside: Mapping[str, object], part: Part) -> set[str]:
        """See what code reads by name; return the names of those variables outside of it that it changes."""
        found = reads(code, outside)
        for name in sorted(found.variables - found.finds):
            value = outside[name] if name in outside else vars(builtins).get(name)
            if name in outside or (value is not None and _was_put_there(value, False)):
                self._due.append((f"{path}.{name}", value, "held" if name in found.changed else part))
        self.unseen.update((f"what {name} finds", None) for name in sorted(found.finds))
        self._names |= found.names
        for name, behind in found.behind.items():
            self._behind[name] |= behind
        self._any_name |= found.any_name
        for name, wanted in found.imports:
            self._imported(name, wanted, outside, part)
        return found.changed

    def _imported(self, name: str, wanted: Iterable[str] | None, outside: Mapping[str, object], part: Part) -> None:
        """See a module that a function imports as it runs; it is imported now where that has not been done."""
        try:
            full = importlib.util.resolve_name(name, str(outside.get("__package__") or "") or None)
            if is_installed(full):
                self._lines[part].append(f"{full} {version_of(full)}")
                self._due.extend((one, sys.modules[one], part) for one in (full, *_above(full)) if one in sys.modules)
                return
            module = importlib.import_module(full)
            below = [one for one in wanted or () if hasattr(module, "__path__") and not hasattr(module, one)]
            loaded = [module, *(importlib.import_module(f"{full}.{one}") for one in below)]
        except Exception:  # whatever is wrong with it
            self.unseen[f"the module {name}"] = None
            return
        loaded += [importlib.import_module(package) for package in _above(full)]
        self._due.extend((one.__name__, one, part) for one in loaded)

    def _annotations(self, path: str, said: Mapping[str, object], outside: Mapping[str, object], part: Part) -> None:
        """See annotations, and what those read that are texts of code."""
        for name, value in said.items():
            self._due.append((f"{path}:{name}", value, part))
            text = getattr(value, "__forward_arg__", value)
            if isinstance(text, str):
                try:
                    self._reads(f"{path}:{name}", compile(text, "", "eval"), outside, part)
                except (SyntaxError, ValueError):  # words, and no code
                    continue

    def _class(self, path: str, kind: type, part: Part) -> None:
        """See what a class of one's own says; those of others have a text."""
        self._lines[part].append(f"{path}=class {kind.__module__}.{kind.__qualname__}")
        outside = vars(sys.modules[kind.__module__]) if kind.__module__ in sys.modules else {}
        self._annotations(path, annotations_of(kind), outside, part)
        self._go(path, dict(written_in(kind)), part)
        self._go(f"{path} is a", {str(i): one for i, one in enumerate((type(kind), *kind.__bases__))}, part)

    def _object(self, path: str, value: object, part: Part) -> None:
        """See the class of an object, what it holds and its attributes, where nothing of it is hidden."""
        kind = type(value)
        name = f"{kind.__module__}.{kind.__qualname__}"
        if name in _NOTHING_INSIDE:
            self._lines[part].append(f"{path}={name} {getattr(value, 'name', '')}")
            return
        held = held_in(value, kind)
        if held is None or (is_a_packages(kind) and kind not in HOLDERS and not is_a_sign(value, kind)):
            self._cannot_see(path, value)
            return
        self._due.append((f"{path}:{name}", kind, part))
        content, can_change = held
        part = "attributes" if can_change else part
        self._go(path, ({} if content is None else {"": content}) | state_of(value, kind), part)


def _was_put_there(value: Any, loose: bool) -> bool:
    """Tell whether what an installed module has, or Python has under a name, was put there by somebody.

    Of packages that are ``loose``, no part of Python, all counts that may hold settings.
    """
    kind = type(value)
    if issubclass(kind, FunctionType):
        return not is_installed(str(value.__globals__.get("__name__", "")))
    if issubclass(kind, type):
        return not is_a_packages(value) or bool(put_into(value))
    if issubclass(kind, MethodType) and _was_put_there(value.__func__, False):
        return True
    if _has_text(value):
        return False
    return not is_a_packages(kind) or (loose and kind.__module__ not in _TYPING and kind not in _COMPILED)


def _has_text(value: object) -> bool:
    try:
        return bool(plain(value))
    except Exception:  # Unseen, or its class is wrong
        return False


def _above(module: str) -> Iterator[str]:
    while "." in module:
        module = module.rpartition(".")[0]
        yield module
