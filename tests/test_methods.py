from __future__ import annotations

from contextlib import suppress
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spider_opt.errors import MethodError, UsageError
from spider_opt.methods import option_types, parse_method, step_names, step_type, written
from spider_opt.steps import ALIASES, STEPS
from spider_opt.steps.zero_shot import ZeroShot

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
