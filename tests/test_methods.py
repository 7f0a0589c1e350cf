from __future__ import annotations

import importlib.metadata
import itertools
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from spider_opt import methods
from spider_opt.cli import main
from spider_opt.errors import MethodError, UsageError
from spider_opt.methods import option_types, parse_method, step_names, step_type, written
from spider_opt.steps import ALIASES, STEPS
from spider_opt.steps.zero_shot import ZeroShot
from spider_opt.types import Completion, ModelInfo, Prediction, Question, Schema, Stage, Task, Tools

PLUGIN = Path(__file__).parent / "plugin"
Install = Callable[..., None]


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages; steps are looked for anew."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    for cached in (methods.step_names, methods.step_type):
        cached.cache_clear()
    yield folder
    for cached in (methods.step_names, methods.step_type):
        cached.cache_clear()
    for name in {path.stem for path in folder.glob("*.py")}:
        sys.modules.pop(name, None)


def install(folder: Path, name: str, source: str, **steps: str) -> None:
    """Install a package of one module, as pip would leave it."""
    (folder / f"{name}.py").write_text(source)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = "".join(f"{step} = {place}\n" for step, place in steps.items())
    (info / "entry_points.txt").write_text(f"[spider_opt.steps]\n{lines}")


@pytest.fixture
def plugin(packages: Path) -> None:
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    source = (PLUGIN / "spider_opt_upper.py").read_text()
    install(packages, "spider_opt_upper", source, **project["entry-points"]["spider_opt.steps"])


# --- the grammar -------------------------------------------------------------------------------


DEFAULTS = {key: written(getattr(ZeroShot(), key)) for key in option_types(ZeroShot)}
OTHER = "compact" if DEFAULTS["schema"] == "ddl" else "ddl"
FLIPPED = {"yes": "no", "no": "yes"}[DEFAULTS["keys"]]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("zero-shot", "zero-shot"),
        (" zero-shot ", "zero-shot"),
        ("zero-shot:", "zero-shot"),
        ("zero-shot :", "zero-shot"),
        (f"zero-shot:rows={DEFAULTS['rows']}", "zero-shot"),
        ("zero-shot:" + ",".join(f"{key}={value}" for key, value in DEFAULTS.items()), "zero-shot"),
        ("zero-shot:rows=7", "zero-shot:rows=7"),
        ("zero-shot:rows=07", "zero-shot:rows=7"),
        (f"zero-shot: rows = 7 , schema = {OTHER}", f"zero-shot:schema={OTHER},rows=7"),
        (f"zero-shot:values=8,keys={FLIPPED}", f"zero-shot:keys={FLIPPED},values=8"),
    ],
)
def test_a_method_has_one_label_and_says_no_default(text: str, label: str) -> None:
    assert parse_method(text).label == label
    assert parse_method(label) == parse_method(text)


@pytest.mark.parametrize(
    ("text", "value"), [("FALSE", False), ("Off", False), ("no", False), ("on", True), ("True", True)]
)
def test_yes_and_no_in_other_words(text: str, value: bool) -> None:
    assert parse_method(f"zero-shot:keys={text}").steps == (ZeroShot(keys=value),)


THERE = ", ".join(sorted({*STEPS, *ALIASES}))
WRONG = [
    ("zero-shat", "no method step 'zero-shat' (did you mean 'zero-shot'?); see: spider-opt methods"),
    ("Zero-Shot", "no method step 'Zero-Shot' (did you mean 'zero-shot'?); see: spider-opt methods"),
    ("qqq", f"no method step 'qqq' (there are: {THERE}); see: spider-opt methods"),
    ("", f"no method step '' (there are: {THERE}); see: spider-opt methods"),
    ("zero-shot+", f"no method step '' (there are: {THERE}); see: spider-opt methods"),
    ("zero-shot + zero-shot:rows=1", "step 'zero-shot' stands twice in method 'zero-shot + zero-shot:rows=1'"),
    ("zero-shot:row=3", "step 'zero-shot' has no option 'row' (did you mean 'rows'?)"),
    ("zero-shot:stage=1", "step 'zero-shot' has no option 'stage' (there are: "),
    ("zero-shot:rows", "option 'rows' of step 'zero-shot' has no value: write rows=VALUE"),
    ("zero-shot:rows=3,rows=3", "option 'rows' of step 'zero-shot' is given twice"),
    ("zero-shot:rows=+3", "option 'rows' of step 'zero-shot' is '', but takes a whole number"),  # a plus joins steps
    ("zero-shot:rows=three", "option 'rows' of step 'zero-shot' is 'three', but takes a whole number"),
    ("zero-shot:rows=3.0", "option 'rows' of step 'zero-shot' is '3.0', but takes a whole number"),
    ("zero-shot:rows=", "option 'rows' of step 'zero-shot' is '', but takes a whole number"),
    ("zero-shot:rows=-1", "step 'zero-shot': rows and values cannot be less than 0"),
    ("zero-shot:rows=" + "9" * 5000, "but takes a whole number"),
    ("zero-shot:keys=maybe", "option 'keys' of step 'zero-shot' is 'maybe', but takes yes or no"),
    ("zero-shot:keys=1", "option 'keys' of step 'zero-shot' is '1', but takes yes or no"),
    ("zero-shot:schema=json", "option 'schema' of step 'zero-shot' is 'json', but takes ddl or compact"),
    ("zero-shot:schema=DDL", "option 'schema' of step 'zero-shot' is 'DDL', but takes ddl or compact"),
    ("zero-shot:=3", "step 'zero-shot' has no option '' (there are: "),
]


@pytest.mark.parametrize(("text", "sentence"), WRONG)
def test_what_is_wrong_is_said_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(MethodError) as caught:
        parse_method(text)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, UsageError)
    assert caught.value.exit_code == 2


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="zero-shtw:+=,3 ", max_size=30) | st.text(max_size=12).map("zero-shot:".__add__))
def test_any_text_is_a_method_or_one_sentence(text: str) -> None:
    with suppress(MethodError):
        label = parse_method(text).label
        assert parse_method(label).label == label


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "schema": st.sampled_from(["ddl", "compact"]),
            "keys": st.sampled_from(["yes", "no"]),
            "rows": st.integers(0, 9).map(str),
            "values": st.integers(0, 9).map(str),
            "form": st.sampled_from(["chat", "prefill", "completion"]),
            "rules": st.sampled_from(["yes", "no"]),
        },
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_options_does_not_matter(options: dict[str, str], random: Any) -> None:
    texts = [f"{key}={value}" for key, value in options.items()]
    random.shuffle(texts)
    first = parse_method("zero-shot:" + ",".join(f"{key}={value}" for key, value in options.items()))
    assert parse_method("zero-shot:" + ",".join(texts)) == first
    assert parse_method(first.label) == first


# --- steps from other packages -----------------------------------------------------------------


class Model:
    info = ModelInfo("fake")

    def complete(self, *_: object, **__: object) -> list[Completion]:
        return [Completion("select name from item")]


def answer(method: str) -> Prediction:
    generator = parse_method(method.replace("zero-shot", "zero-shot:rows=0,values=0")).build(Tools())
    return generator(Task(Question("q", "Which?", Schema("db", ())), Model()))


@pytest.mark.usefixtures("plugin")
def test_a_step_of_another_package_is_found_and_wraps_ours() -> None:
    assert answer("zero-shot").sql == "select name from item"
    prediction = answer("upper+zero-shot")
    assert prediction.sql == "SELECT NAME FROM ITEM"
    assert [entry["step"] for entry in prediction.trace] == ["zero-shot", "upper"]
    assert answer("upper:which=first,mark=>+zero-shot").sql == ">Select name from item"
    assert answer("zero-shot+upper:on=no").sql == "select name from item"


@pytest.mark.usefixtures("plugin")
def test_a_method_has_one_label_whatever_the_order() -> None:
    parts = ["upper:times=2", "zero-shot:rows=7"]
    labels = {parse_method("+".join(order)).label for order in itertools.permutations(parts)}
    assert labels == {"upper:times=2+zero-shot:rows=7"}
    assert [step.stage for step in parse_method("zero-shot+upper").steps] == [Stage.REFINE, Stage.DRAFT]


@pytest.mark.usefixtures("plugin")
def test_a_draft_that_goes_without_saying_is_not_in_the_label() -> None:
    assert parse_method("upper") == parse_method("zero-shot+upper") == parse_method("upper+zero-shot:")
    assert parse_method("upper").label == "upper"
    assert len(parse_method("upper").steps) == 2
    assert parse_method("upper+zero-shot:rows=7").label == "upper+zero-shot:rows=7"


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("upper:times=1,share=0.5,mark=none,on=yes,which=all", "upper"),
        ("upper:mark=x:y z", "upper:mark=x:y z"),
        ("upper:mark=", "upper:mark="),
        ("upper:mark=a=b", "upper:mark=a=b"),
        ("upper:share=1e-1", "upper:share=0.1"),
        ("upper:share=2", "upper:share=2.0"),
        ("upper:share=.50", "upper"),
        ("upper:on=no,times=3", "upper:times=3,on=no"),
    ],
)
def test_options_of_all_types(text: str, label: str) -> None:
    assert parse_method(text).label == label
    assert parse_method(label) == parse_method(text)


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("upper:share=much", "option 'share' of step 'upper' is 'much', but takes a number"),
        ("upper:share=nan", "but takes a number"),
        ("upper:share=inf", "but takes a number"),
        ("upper:share=1e999", "but takes a number"),
        ("upper:times=none", "but takes a whole number"),
        ("upper:times=0", "step 'upper': times must be 1 or more"),
        ("upper:which=none", "but takes all or first"),
        ("uper", "no method step 'uper' (did you mean 'upper'?)"),
        ("qqq", f"(there are: {', '.join(sorted({*STEPS, *ALIASES, 'upper'}))})"),
    ],
)
def test_what_is_wrong_with_options_of_all_types(text: str, sentence: str) -> None:
    with pytest.raises(MethodError) as caught:
        parse_method(text)
    assert sentence in str(caught.value)


HEAD = """
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal
from spider_opt.types import Stage
"""
WRAP = "    def wrap(self, inner, tools): return inner\n"
BROKEN = {
    "missing": ("", "step 'bad' (bad_step:Bad) cannot be loaded: AttributeError"),
    "raises": ("raise RuntimeError('no GPU')", "cannot be loaded: RuntimeError('no GPU')"),
    "syntax": ("def", "cannot be loaded: SyntaxError"),
    "imports": ("import no_such_package_at_all", "cannot be loaded: ModuleNotFoundError"),
    "no class": ("Bad = 3", "cannot be loaded: TypeError"),
    "no dataclass": (f"class Bad:\n    stage = Stage.REFINE\n{WRAP}", "cannot be loaded: TypeError"),
    "no stage": (f"@dataclass\nclass Bad:\n    x: int = 1\n{WRAP}", "is no step: it needs a stage and a method wrap"),
    "stage as text": (f"@dataclass\nclass Bad:\n    stage: ClassVar[str] = 'REFINE'\n{WRAP}", "is no step"),
    "no wrap": ("@dataclass\nclass Bad:\n    stage: ClassVar[Stage] = Stage.REFINE\n", "is no step"),
    "unknown name": (f"@dataclass\nclass Bad:\n    stage: ClassVar[Stage] = Stage.REFINE\n    x: 'Nope' = 1\n{WRAP}",
        "cannot be loaded: NameError"),
    "list option": (f"@dataclass\nclass Bad:\n    stage: ClassVar[Stage] = Stage.REFINE\n    x: list[int] = ()\n{WRAP}",
        "option 'x' has a type that cannot be written in a method's text: list[int]"),
    "path option": (
        f"@dataclass\nclass Bad:\n    stage: ClassVar[Stage] = Stage.REFINE\n    x: Path | None = None\n{WRAP}",
        "option 'x' has a type that cannot be written"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_step_is_named_and_harms_nobody_else(packages: Path, what: str) -> None:
    source, sentence = BROKEN[what]
    install(packages, "bad_step", HEAD + source, bad="bad_step:Bad")
    with pytest.raises(MethodError) as caught:
        parse_method("bad+zero-shot")
    assert sentence in str(caught.value)
    assert "'bad' (bad_step:Bad)" in str(caught.value)
    assert parse_method("zero-shot").label == "zero-shot"
    listed = CliRunner().invoke(main, ["methods"])
    assert listed.exit_code == 0
    assert "\nzero-shot  [draft]" in listed.stdout
    assert listed.stderr.startswith("left out: step 'bad' (bad_step:Bad)")


def test_a_step_with_an_option_that_must_be_given(packages: Path) -> None:
    options = "    path: str\n    n: int | None = 3\n    stage: ClassVar[Stage] = Stage.MODEL\n"
    source = f"@dataclass\nclass Need:\n{options}{WRAP}"
    install(packages, "need_step", HEAD + source, need="need_step:Need")
    assert parse_method("need:path=a/b.gguf").label == "need:path=a/b.gguf"
    assert parse_method("need:n=none,path=x").label == "need:path=x,n=none"
    with pytest.raises(MethodError, match="step 'need' needs its option 'path': write need:path=VALUE"):
        parse_method("need:n=3")
    assert "path=, n=3" in CliRunner().invoke(main, ["methods"]).stdout


def test_literals_of_all_types(packages: Path) -> None:
    literal = "Literal['best', 1, 2, True, None]"
    source = f"@dataclass\nclass Pick:\n    stage: ClassVar[Stage] = Stage.MODEL\n    k: {literal} = 'best'\n{WRAP}"
    install(packages, "pick_step", HEAD + source, pick="pick_step:Pick")
    for said, value in (("best", "best"), ("1", 1), ("2", 2), ("yes", True), ("none", None)):
        [step, _] = parse_method(f"pick:k={said}").steps
        assert step.k == value  # type: ignore[attr-defined]
        assert parse_method(parse_method(f"pick:k={said}").label).steps[0] == step
    with pytest.raises(MethodError, match="but takes best or 1 or 2 or yes or none"):
        parse_method("pick:k=3")


def test_no_package_takes_our_names(packages: Path) -> None:
    install(packages, "thief", "raise SystemExit", **{"zero-shot": "thief:Step"})
    with pytest.raises(MethodError, match=r"two packages claim the step 'zero-shot' \(spider_opt\..*thief:Step\)"):
        parse_method("zero-shot")


def test_two_packages_with_one_name(packages: Path, plugin: None) -> None:
    install(packages, "other", "", upper="other:Step")
    with pytest.raises(MethodError, match="two packages claim the step 'upper'"):
        parse_method("upper")
    assert parse_method("zero-shot").label == "zero-shot"


def test_two_drafts_are_refused(packages: Path) -> None:
    source = f"@dataclass\nclass Draft:\n    stage: ClassVar[Stage] = Stage.DRAFT\n{WRAP}"
    install(packages, "draft_step", HEAD + source, draft="draft_step:Draft")
    with pytest.raises(MethodError, match="steps 'draft' and 'zero-shot' both draft the query: take one of them"):
        parse_method("draft+zero-shot")
    assert parse_method("draft").label == "draft"
    assert len(parse_method("draft").steps) == 1


def test_the_plugin_installs(tmp_path: Path) -> None:
    """What pip leaves is found by a process of its own."""
    major = next((int(d.version.partition(".")[0]) for d in importlib.metadata.distributions(name="setuptools")), 0)
    if major < 77:
        pytest.skip("without the network pip needs a setuptools here that makes wheels")
    source = tmp_path / "plugin"
    shutil.copytree(PLUGIN, source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    pip += ["--disable-pip-version-check", "--root-user-action=ignore", "--target", str(tmp_path / "site"), str(source)]
    subprocess.run(pip, check=True, capture_output=True, cwd=tmp_path)
    code = "from spider_opt.cli import main; main()"
    listed = subprocess.run(
        [sys.executable, "-c", code, "methods"],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "upper  [refine]  which=all, times=1, share=0.5, mark=none, on=yes" in listed.stdout
    assert listed.stderr == ""


# --- rank, needs, aliases ----------------------------------------------------------------------

RUNGS = f"""{HEAD}
@dataclass(frozen=True)
class Alpha:
    stage: ClassVar[Stage] = Stage.CONTEXT
    rank: ClassVar[int] = 1
{WRAP}
@dataclass(frozen=True)
class Beta:
    stage: ClassVar[Stage] = Stage.CONTEXT
    k: int = 3
{WRAP}
@dataclass(frozen=True)
class Gamma:
    stage: ClassVar[Stage] = Stage.CONTEXT
{WRAP}
@dataclass(frozen=True)
class Omega:
    stage: ClassVar[Stage] = Stage.CONTEXT
    rank: ClassVar[int] = -1
    needs: ClassVar[tuple[str, ...]] = ("beta", "alpha")
    by: str = "draft"
{WRAP}
@dataclass(frozen=True)
class Again:
    stage: ClassVar[Stage] = Stage.REFINE
{WRAP}
@dataclass(frozen=True)
class Tuned:
    stage: ClassVar[Stage] = Stage.MODEL
    rank: ClassVar[int] = 9
{WRAP}
"""


@pytest.fixture
def rungs(packages: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Steps with ranks and needs; returns the table of aliases, which is empty."""
    names = ("alpha", "beta", "gamma", "omega", "again", "tuned")
    install(packages, "rungs_of_a_ladder", RUNGS, **{name: f"rungs_of_a_ladder:{name.title()}" for name in names})
    aliases: dict[str, str] = {}
    monkeypatch.setattr(methods, "ALIASES", aliases)
    return aliases


def spelled(method: str) -> str:
    return parse_method(method).spelled_out.rpartition("+zero-shot:")[0]


@pytest.mark.usefixtures("rungs")
def test_stage_then_rank_then_name_fix_the_order() -> None:
    parts = ["gamma", "alpha", "omega", "again", "tuned", "beta"]
    for order in itertools.permutations(parts, 6):
        assert parse_method("+".join(order)).label == "tuned+omega+beta+gamma+alpha+again"
    stages = [step.stage for step in parse_method("+".join(parts)).steps]
    assert stages == sorted(stages)
    assert stages[-1] is Stage.DRAFT


@pytest.mark.usefixtures("rungs")
@pytest.mark.parametrize(
    ("text", "label", "steps"),
    [
        ("omega", "omega", "omega:by=draft+beta:k=3"),
        ("beta+omega", "omega", "omega:by=draft+beta:k=3"),
        ("omega+beta:k=3", "omega", "omega:by=draft+beta:k=3"),
        ("omega+beta:k=5", "omega+beta:k=5", "omega:by=draft+beta:k=5"),
        ("omega+alpha", "omega+alpha", "omega:by=draft+alpha"),
        ("omega+alpha+beta", "omega+beta+alpha", "omega:by=draft+beta:k=3+alpha"),
        ("omega+gamma", "omega+gamma", "omega:by=draft+beta:k=3+gamma"),
        ("beta", "beta", "beta:k=3"),
    ],
)
def test_a_step_brings_what_it_needs(text: str, label: str, steps: str) -> None:
    assert parse_method(text).label == label
    assert spelled(text) == steps
    assert parse_method(label) == parse_method(text)


def test_the_level_brings_few_shot() -> None:
    assert spelled("difficulty").startswith("difficulty:by=draft+fewshot:")
    assert parse_method("fewshot+difficulty").label == "difficulty"
    assert "fewshot" not in spelled("hyde+difficulty")


@pytest.mark.parametrize(
    ("alias", "text", "label", "steps"),
    [
        ("beta:k=5+alpha", "rag", "rag", "beta:k=5+alpha"),
        ("alpha + beta : k = 5", "rag:", "rag", "beta:k=5+alpha"),
        ("beta:k=5+alpha", " again + rag ", "rag+again", "beta:k=5+alpha+again"),
        ("beta:k=5+alpha", "again+tuned+rag", "tuned+rag+again", "tuned+beta:k=5+alpha+again"),
        ("beta:k=5+alpha", "rag+gamma", "rag+gamma", "beta:k=5+gamma+alpha"),  # one stands between
        ("beta:k=5+alpha", "rag+omega", "omega+rag", "omega:by=draft+beta:k=5+alpha"),
        ("omega", "rag", "rag", "omega:by=draft+beta:k=3"),
        ("omega+beta", "rag", "rag", "omega:by=draft+beta:k=3"),
        ("omega", "rag+beta:k=5", "rag+beta:k=5", "omega:by=draft+beta:k=5"),
        ("beta", "rag+omega", "omega+rag", "omega:by=draft+beta:k=3"),
        ("gamma+zero-shot", "rag", "rag", "gamma"),
    ],
)
def test_an_alias_stands_in_the_label_and_what_it_stands_for_is_spelled_out(
    rungs: dict[str, str], alias: str, text: str, label: str, steps: str
) -> None:
    rungs["rag"] = alias
    method = parse_method(text)
    assert method.label == label
    assert spelled(text) == steps
    assert parse_method(label) == method
    parts = text.split("+")
    assert {parse_method("+".join(order)).label for order in itertools.permutations(parts)} == {label}
    assert method.steps == parse_method(method.spelled_out).steps  # what it stood for, after the alias has changed


def test_two_aliases(rungs: dict[str, str]) -> None:
    rungs |= {"rag": "alpha+beta", "mend": "again"}
    assert parse_method("mend+rag").label == "rag+mend"
    assert spelled("mend+rag") == "beta:k=3+alpha+again"


def test_an_alias_of_a_draft_stands_in_its_place(rungs: dict[str, str]) -> None:
    rungs["wide"] = "zero-shot:rows=3"
    assert parse_method("wide").label == "wide"
    assert parse_method("wide+gamma").label == "gamma+wide"
    assert parse_method("wide").steps == parse_method("zero-shot:rows=3").steps
    rungs["plain"] = "zero-shot"
    assert parse_method("plain").label == "plain"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("rag:k=3", "'rag' takes no options: write out what it stands for, beta:k=5+alpha"),
        ("rag:x", "'rag' takes no options: write out what it stands for, beta:k=5+alpha"),
        ("rag+beta", "step 'beta' stands twice in method 'rag+beta'"),
        ("beta+rag", "step 'beta' stands twice in method 'beta+rag' ('rag' stands for beta:k=5+alpha)"),
        ("rag+alpha", "step 'alpha' stands twice in method 'rag+alpha'"),
        ("rag+rag", "step 'beta' stands twice in method 'rag+rag' ('rag' stands for beta:k=5+alpha)"),
        ("rag+other", "step 'alpha' stands twice in method 'rag+other' ('other' stands for alpha)"),
        ("ragg", "no method step 'ragg' (did you mean 'rag'?)"),
        ("othr+beta", "no method step 'othr' (did you mean 'other'?)"),
        ("qqq", "(there are: again, alpha, beta, "),
        ("broken", "no method step 'betta' (did you mean 'beta'?)"),
    ],
)
def test_what_is_wrong_with_an_alias(rungs: dict[str, str], text: str, sentence: str) -> None:
    rungs |= {"rag": "beta:k=5+alpha", "other": "alpha", "broken": "betta"}
    with pytest.raises(MethodError) as caught:
        parse_method(text)
    assert sentence in str(caught.value)
    if text == "qqq":
        assert " other, rag, " in str(caught.value)


# --- the table ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(STEPS))
def test_each_step_of_ours_says_what_it_does_and_where_it_comes_from(name: str) -> None:
    kind = step_type(name)
    assert is_dataclass(kind)
    doc = kind.__doc__ or ""
    assert doc.splitlines()[0].endswith(".")
    assert "Source:" in doc
    options = doc.partition("Options:\n")[2]
    documented = [line.strip().partition(":")[0] for line in options.splitlines() if line.startswith(" " * 8)]
    assert [key for key in documented if " " not in key] == list(option_types(kind))
    assert parse_method(name).label == name  # all its options have defaults


@pytest.mark.parametrize("name", sorted(STEPS))
def test_steps_are_frozen_and_each_has_a_file_of_its_name(name: str) -> None:
    kind = step_type(name)
    assert kind.__module__ == f"spider_opt.steps.{name.replace('-', '_')}"
    assert kind.__dataclass_params__.frozen
    assert all(f.init for f in fields(kind))


def test_names_of_steps() -> None:
    assert set(STEPS) <= set(step_names())
    assert all(name == name.strip().lower() and not set("+:,= ") & set(name) for name in STEPS)


def test_aliases_of_ours_stand_for_steps_of_ours() -> None:
    assert not set(ALIASES) & set(STEPS)
    for name, text in ALIASES.items():
        assert parse_method(name).label == name
        assert {part.partition(":")[0].strip() for part in text.split("+")} <= set(STEPS)


@pytest.mark.parametrize(
    ("value", "text"), [(True, "yes"), (False, "no"), (None, "none"), (0, "0"), (1, "1"), (0.5, "0.5"), ("x", "x")]
)
def test_values_as_text(value: object, text: str) -> None:
    assert written(value) == text
