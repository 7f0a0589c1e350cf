"""Goes from a function to all that it reads: constants, other functions, objects, modules of one's own."""

from __future__ import annotations

import dis
import hashlib
import importlib.util
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cached_property, partial
from types import BuiltinMethodType, CodeType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Literal

from spider_opt.evaluation.class_contents import is_pythons_own, slots_of
from spider_opt.evaluation.plain_values import Unseen, code_text, is_installed, plain, version_of

MAX_VALUES = 100_000
_LOOKS_NAMES_UP = frozenset(("eval", "exec", "globals", "__import__"))
_READS_GLOBAL = frozenset(("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"))
_CHANGES = frozenset(("STORE_GLOBAL", "DELETE_GLOBAL", "STORE_DEREF", "DELETE_DEREF"))
_NOTHING_INSIDE = frozenset(("_thread.lock", "_thread.RLock", "logging.Logger", "logging.RootLogger"))
_BASES_WITHOUT_STATE = frozenset(("builtins.object", "abc.ABC", "typing.Generic", "typing.Protocol"))

Part = Literal["code", "held", "attributes"]
"""What runs, and the constants that it reads; what is in containers and in variables that it changes; of objects."""


class Walk:
    """What a function reads, each thing once, under the path where it was met first.

    ``unseen`` are those of it that cannot be looked into. Into modules it goes by name: each name that any code uses,
    or has as a text, is looked up in each.
    """

    def __init__(self, function: object) -> None:
        self.unseen: dict[str, None] = {}
        self._lines: dict[Part, list[str]] = {"code": [], "held": [], "attributes": []}
        self._met: dict[int, tuple[str, object]] = {}
        self._due: deque[tuple[str, object, Part]] = deque([("", function, "code")])
        self._names: set[str] = set()
        self._modules: dict[str, ModuleType] = {}
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

    def _see(self, path: str, value: object, part: Part) -> None:
        try:
            self._lines[part].append(f"{path}={plain(value)}")
            return
        except Unseen:
            pass
        except RecursionError:
            self.unseen[f"{path} (nested too deep)"] = None
            return
        if id(value) in self._met:
            self._lines[part].append(f"{path}->{self._met[id(value)][0]}")
            return
        self._met[id(value)] = path, value  # held, so that no other value gets its id
        if isinstance(value, ModuleType):
            self._module(value, part)
        elif isinstance(value, FunctionType):
            self._function(path, value, part)
        elif isinstance(value, type):
            self._class(path, value, part)
        elif not self._wrapper(path, value, part) and not self._container(path, value, part):
            self._object(path, value, part)

    def _go(self, path: str, values: Mapping[str, object], part: Part) -> None:
        self._due.extend((f"{path}.{name}", value, part) for name, value in values.items())

    def _module(self, module: ModuleType, part: Part) -> None:
        if is_installed(module.__name__):
            self._lines[part].append(f"{module.__name__} {version_of(module.__name__)}")
        else:
            self._modules[module.__name__] = module

    def _found_in_modules(self) -> Iterator[tuple[str, object, Part]]:
        for name, module in list(self._modules.items()):
            for used in sorted(self._names & vars(module).keys()):
                if (name, used) not in self._looked_up:
                    self._looked_up.add((name, used))
                    yield f"{name}:{used}", vars(module)[used], "code"

    def _function(self, path: str, function: FunctionType, part: Part) -> None:
        module, code = str(function.__globals__.get("__name__", "")), function.__code__
        cells: dict[str, object] = {}
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            try:
                cells[name] = cell.cell_contents
            except ValueError:
                self._lines[part].append(f"{path}.{name} is not there")
        if is_installed(module):
            self._lines[part].append(f"{path}={module}.{function.__qualname__} {version_of(module)}")
            self._go(path, cells, part)
            return
        self._lines[part].append(f"{path}={code_text(code)}")
        changed = self._reads(path, code, function.__globals__, part)
        for name, value in cells.items():
            self._due.append((f"{path}.{name}", value, "held" if name in changed else part))
        self._go(path, {"defaults": function.__defaults__, "kwdefaults": function.__kwdefaults__}, part)

    def _reads(self, path: str, code: CodeType, outside: Mapping[str, object], part: Part) -> set[str]:
        """See the globals that code reads; return the names of those variables outside of it that it changes."""
        steps = list(dis.get_instructions(code))
        changed = {str(step.argval) for step in steps if step.opname in _CHANGES}
        for name in sorted({str(step.argval) for step in steps if step.opname in _READS_GLOBAL}):
            if name in outside:
                self._due.append((f"{path}.{name}", outside[name], "held" if name in changed else part))
            elif name in _LOOKS_NAMES_UP:
                self.unseen[f"what {name} finds"] = None
        self._names.update(code.co_names)
        for i, step in enumerate(steps):
            if step.opname == "IMPORT_NAME":  # below it lie how far up it looks, and the names that are wanted
                self._imported("." * int(steps[i - 2].argval) + str(step.argval), steps[i - 1].argval, outside, part)
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                changed |= self._reads(path, constant, outside, part)
            else:
                texts = constant if isinstance(constant, tuple) else (constant,)
                self._names.update(text for text in texts if isinstance(text, str) and text.isidentifier())
        return changed

    def _imported(self, name: str, wanted: Iterable[str] | None, outside: Mapping[str, object], part: Part) -> None:
        """See a module that a function imports as it runs; it is imported now where that has not been done."""
        try:
            full = importlib.util.resolve_name(name, str(outside.get("__package__") or "") or None)
            if is_installed(full):
                self._lines[part].append(f"{full} {version_of(full)}")
                return
            module = importlib.import_module(full)
            below = [one for one in wanted or () if hasattr(module, "__path__") and not hasattr(module, one)]
            loaded = [module, *(importlib.import_module(f"{full}.{one}") for one in below)]
        except Exception:  # whatever is wrong with it
            self.unseen[f"the module {name}"] = None
            return
        loaded += [importlib.import_module(package) for package in _above(full)]
        self._due.extend((one.__name__, one, part) for one in loaded)

    def _class(self, path: str, kind: type, part: Part) -> None:
        """See what a class of one's own says; those of others have a text."""
        self._lines[part].append(f"{path}=class {kind.__qualname__}")
        for name, value in vars(kind).items():
            function = value.__func__ if isinstance(value, staticmethod | classmethod) else value
            if not is_pythons_own(kind, name, function):
                self._due.append((f"{path}.{name}", function, part))
        for one in fields(kind) if is_dataclass(kind) else ():
            said = {"default": one.default, "factory": one.default_factory}
            self._go(f"{path}.{one.name}", {name: what for name, what in said.items() if what is not MISSING}, part)
        self._go(f"{path} is a", {str(i): base for i, base in enumerate(kind.__bases__)}, part)

    def _wrapper(self, path: str, value: object, part: Part) -> bool:
        """See what is in something of Python's own that wraps functions; tell whether it is one."""
        inside: dict[str, object]
        if isinstance(value, MethodType | BuiltinMethodType):
            owner = value.__self__
            name = value.__name__
            module = type(owner).__module__
            if is_installed(module) and getattr(_loaded(module), name, None) == value:  # random.choice and the like
                inside = {f"{module}.{name}": None}
            else:
                inside = {"self": owner, "name": name, "function": getattr(value, "__func__", None)}
        elif isinstance(value, partial):
            inside = {"function": value.func, "args": value.args, "keywords": value.keywords}
        elif isinstance(value, property):
            inside = {"get": value.fget, "set": value.fset}
        elif isinstance(value, cached_property):
            inside = {"get": value.func}
        elif type(value).__qualname__ == "_lru_cache_wrapper":
            inside = {"cached": getattr(value, "__wrapped__", None)}
        else:
            return False
        self._go(f"{path}:{type(value).__name__}", inside, part)
        return True

    def _container(self, path: str, value: object, part: Part) -> bool:
        """See what is in a container of Python's own; tell whether it is one."""
        part = "held" if part == "code" and not isinstance(value, tuple | frozenset) else part
        kind, named = type(value), hasattr(type(value), "_fields")
        inside: list[object]
        if (kind in (list, tuple) or named) and isinstance(value, list | tuple):
            inside = [*value, kind] if named else list(value)
        elif kind in (dict, MappingProxyType) and isinstance(value, dict | MappingProxyType):
            inside = [thing for item in value.items() for thing in item]
        elif kind in (set, frozenset) and isinstance(value, set | frozenset):
            try:
                inside = list[object](sorted(map(plain, value)))
            except Unseen:
                return False
        elif kind is bytearray and isinstance(value, bytearray):
            inside = [bytes(value)]
        else:
            return False
        self._lines[part].append(f"{path}={kind.__name__} of {len(inside)}")
        self._due.extend((f"{path}[{i}]", one, part) for i, one in enumerate(inside))
        return True

    def _object(self, path: str, value: object, part: Part) -> None:
        """See the class of an object and its attributes, where both are of one's own."""
        kind = type(value)
        name = f"{kind.__module__}.{kind.__qualname__}"
        if name in _NOTHING_INSIDE:
            return
        own = [base for base in kind.__mro__ if not is_installed(base.__module__)]
        others = {f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__ if base not in own}
        if not own or others - _BASES_WITHOUT_STATE:
            self.unseen[f"{path.rpartition('.')[2] or 'what is called'} ({kind.__qualname__})"] = None
            return
        self._due.append((f"{path}:{name}", kind, part))
        slots = [slot for base in own for slot in slots_of(base)]
        said = {slot: getattr(value, slot) for slot in slots if hasattr(value, slot)} | getattr(value, "__dict__", {})
        self._go(path, said, "attributes")


def _above(module: str) -> Iterator[str]:
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


def _loaded(module: str) -> object:
    import sys

    return sys.modules.get(module)
