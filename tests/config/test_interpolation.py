import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from polygym.config.interpolation import resolve

ENVIRON = {"SET": "from-env", "EMPTY": ""}
NAMES = st.sampled_from(["a", "b", "c", "m.x", "m.l.0", "m.l.9", "m.x.y", "absent", "m.absent"])
WORDS = st.from_regex(r"[A-Za-z0-9_/.:-]{1,8}", fullmatch=True) | st.sampled_from(["null", "True", "nan", "Inf", "007"])


def calls(default: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    called = st.builds("oc.env:{}".format, st.sampled_from(["SET", "EMPTY", "UNSET"])) | NAMES.map(
        "oc.select:{}".format
    )
    return st.builds("${{{}}}".format, called) | st.builds("${{{},{}}}".format, called, default)


REFERENCES = NAMES.map("${{{}}}".format)
TEXTS = st.one_of(
    REFERENCES,
    calls(WORDS),
    calls(REFERENCES | calls(WORDS)),
    st.lists(REFERENCES | st.sampled_from(["x ", "$", "http://", "\\", " }", "{"]), min_size=1, max_size=4).map(
        "".join
    ),
)
VALUES = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-1, 1) | st.just("text") | TEXTS
MAPPINGS = st.fixed_dictionaries({"x": VALUES, "l": st.lists(VALUES, max_size=2)})
TREES = st.fixed_dictionaries({"a": VALUES, "b": VALUES, "c": VALUES, "m": MAPPINGS, "whole": st.just("${m}")})


def resolved_by_omegaconf(tree: dict[str, Any]) -> Any:
    try:
        return OmegaConf.to_container(OmegaConf.create(tree), resolve=True)
    except OmegaConfBaseException:
        return None


@given(tree=TREES)
def test_the_plain_forms_give_what_omegaconf_gives(tree: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("UNSET", raising=False)
        for name, value in ENVIRON.items():
            patch.setenv(name, value)
        expected = resolved_by_omegaconf(tree)

    resolved, failures = resolve(tree, ENVIRON)

    assert bool(failures) == (expected is None)
    if expected is not None:
        assert repr(resolved) == repr(expected)  # a nan does not equal itself


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${urls}", ["http://one", "http://two"]),
        ("${oc.select:judge_urls,${urls}}", ["http://one", "http://two"]),
        ("${.sibling}", 5),
        ("http://${host}:${port}/v1", "http://localhost:8000/v1"),
        ("${oc.env:SET}", "from-env"),
        ("${oc.env:SET}/x", "from-env/x"),
        ("${oc.env:UNSET,1e-6}", "1e-06"),
        ("${oc.env:UNSET,false}", "False"),
        ("${oc.env:UNSET,null}", None),
        ("${oc.decode:${oc.env:UNSET,'[1, 2]'}}", [1, 2]),
        ("${oc.select:nothing}", None),
        ("${oc.select:nothing,'a, b'}", "a, b"),
        ("\\${host}", "${host}"),
    ],
)
def test_a_value_is_resolved(text: str, value: Any) -> None:
    tree = {
        "here": {"value": text, "sibling": 5},
        "urls": ["http://one", "http://two"],
        "host": "localhost",
        "port": 8000,
    }

    resolved, failures = resolve(tree, ENVIRON)

    assert (resolved["here"]["value"], failures) == (value, [])


def test_the_given_environment_counts_and_not_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONLY_IN_PROCESS", "x")

    resolved, _ = resolve({"a": "${oc.env:ONLY_IN_PROCESS,no}", "b": "-${oc.env:ONLY_IN_PROCESS,no}"}, {})

    assert resolved == {"a": "no", "b": "-no"}
    assert os.environ["ONLY_IN_PROCESS"] == "x"


def test_the_resolved_tree_shares_nothing() -> None:
    tree = {"list": [1], "a": "${list}", "b": "${list}"}

    resolved, _ = resolve(tree, {})
    resolved["a"].append(2)

    assert resolved == {"list": [1], "a": [1, 2], "b": [1]}
    assert tree["list"] == [1]


@pytest.mark.parametrize(
    ("text", "name", "reason"),
    [
        ("${absent}", "absent", "'absent' is not set"),
        ("x ${absent.key}", "absent.key", "'absent.key' is not set"),
        ("${number.key}", "number.key", "'number.key' is not set"),
        ("${list.key}", None, "'list.key' leads into a list, where 'key' is no index"),
        ("${list.7}", "list.7", "'list.7' is not set"),
        ("${value}", None, "it refers to itself"),
        ("${oc.env:UNSET}", None, "the environment variable UNSET is not set"),
        ("x ${oc.env:UNSET}", None, "the environment variable UNSET is not set"),
        ("${oc.decode:${absent}}", "absent", ""),
        ("${unknown_function:1}", None, "Unsupported interpolation type unknown_function"),
        ("${UNSET:-default}", None, "Unsupported interpolation type UNSET"),
        ("${unclosed", None, "malformed interpolation"),
        ("${{ github }}", None, "malformed interpolation"),
    ],
)
def test_what_cannot_be_resolved_is_reported_with_its_place(text: str, name: str | None, reason: str) -> None:
    resolved, failures = resolve({"value": text, "number": 3, "list": [1], "fine": "${number}"}, ENVIRON)

    (failure,) = failures
    assert (failure.path, failure.text, failure.name) == (("value",), text, name)
    assert reason in failure.reason
    assert resolved == {"value": text, "number": 3, "list": [1], "fine": 3}


def test_all_failures_are_reported_not_only_the_first() -> None:
    _, failures = resolve({"a": "${x}", "b": ["${y}"], "c": {"d": "${a}"}}, {})

    assert [failure.path for failure in failures] == [("a",), ("b", 0), ("c", "d")]
    assert [failure.name for failure in failures] == ["x", "y", "x"]


def test_a_circle_is_reported() -> None:
    _, failures = resolve({"a": "${b}", "b": "${a}", "c": {"d": "${c}"}}, {})

    assert {failure.reason for failure in failures} == {"it refers to itself"}
    assert len(failures) == 3


def test_plain_forms_do_not_import_omegaconf() -> None:
    script = (
        "import sys\n"
        "from polygym.config.load import load_config\n"
        "load_config(initial={'a': '${b}', 'b': '${oc.env:HOME,/}'}, environ={})\n"
        "assert not {'omegaconf', 'hydra'} & set(sys.modules), 'heavy imports'\n"
    )

    subprocess.run([sys.executable, "-c", script], check=True)
