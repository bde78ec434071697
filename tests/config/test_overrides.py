from typing import Any

import pytest

from polygym.config.origins import Origins
from polygym.config.overrides import apply_override, config_paths_of, parse_overrides
from polygym.protocol.errors import ConfigError
from polygym.protocol.json import JsonObject

TREE = {
    "policy_model": {"responses_api_models": {"vllm_model": {"max_steps": 3, "extra": {"a": 1}}}},
    "list": [{"x": 1}, {"x": 2}],
    "gpt-4.1": {"x": 1},
    "name": "old",
}


def overridden(*texts: str, inherited: JsonObject | None = None) -> JsonObject:
    tree: JsonObject = TREE
    for override in parse_overrides(texts):
        tree = apply_override(tree, override, Origins(), effective=lambda tree: inherited or tree)
    return tree


def refusal(*texts: str) -> str:
    with pytest.raises(ConfigError) as caught:
        overridden(*texts)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("+k=1", 1),
        ("+k=1e-3", 0.001),
        ("+k=true", True),
        ("+k=null", None),
        ("+k=", ""),
        ("+k='1'", "1"),
        ('+k="a, b"', "a, b"),
        ("+k=[a/b.yaml,c.yaml]", ["a/b.yaml", "c.yaml"]),
        ("+k={a: 1, b: {c: [x, 2]}}", {"a": 1, "b": {"c": ["x", 2]}}),
        ("+k=http://host:8000/v1", "http://host:8000/v1"),
        ("+k=[http://a/v1,http://b/v1]", ["http://a/v1", "http://b/v1"]),
        ("+k=${policy_model_name}", "${policy_model_name}"),
        ("++k=${inherit_from:Qwen3-4B}", "${inherit_from:Qwen3-4B}"),
        ("+k=/tmp/a b/c.jsonl", "/tmp/a b/c.jsonl"),
    ],
)
def test_values_follow_hydras_grammar(text: str, value: Any) -> None:
    assert overridden(text)["k"] == value


@pytest.mark.parametrize("sign", ["", "+", "++"])
def test_an_existing_value_deep_in_a_server_is_changed(sign: str) -> None:
    tree = overridden(f"{sign}policy_model.responses_api_models.vllm_model.max_steps=7")

    assert tree["policy_model"]["responses_api_models"]["vllm_model"] == {"max_steps": 7, "extra": {"a": 1}}


@pytest.mark.parametrize("sign", ["+", "++"])
def test_a_new_value_is_added_and_mappings_merge(sign: str) -> None:
    tree = overridden(f"{sign}new.deep.key=1", f"{sign}policy_model.responses_api_models.vllm_model.extra={{b: 2}}")

    assert tree["new"] == {"deep": {"key": 1}}
    assert tree["policy_model"]["responses_api_models"]["vllm_model"]["extra"] == {"a": 1, "b": 2}


def test_an_entry_of_a_list_and_a_key_with_dots_can_be_set() -> None:
    tree = overridden("++list.1.x=5", "++gpt-4.1.x=6")

    assert tree["list"] == [{"x": 1}, {"x": 5}]
    assert tree["gpt-4.1"] == {"x": 6}


def test_keys_are_deleted() -> None:
    assert "name" not in overridden("~name")
    assert "name" not in overridden("~name=old")
    assert overridden("~policy_model.responses_api_models.vllm_model.extra.a")["policy_model"] == {
        "responses_api_models": {"vllm_model": {"max_steps": 3, "extra": {}}}
    }


def test_later_overrides_win_and_the_tree_stays_as_it_was() -> None:
    assert overridden("++name=a", "name=b", "+name=c")["name"] == "c"
    assert TREE["name"] == "old"


def test_an_inherited_key_can_be_changed() -> None:
    tree = overridden("name.deep=1", inherited={"name": {"deep": 0}})

    assert tree["name"] == {"deep": 1}


def test_where_a_value_was_set_is_remembered() -> None:
    origins = Origins()
    (override,) = parse_overrides(["++a.b={c: 1}"])
    apply_override({}, override, origins, effective=lambda tree: tree)

    assert origins.of(("a", "b", "c")) == "command line (++a.b)"


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("nam=x", ["there is no 'nam'", "to add it, write +nam=x", "Meant 'name'?"]),
        ("policy_model.responses_api_models.vllm.x=1", ["Meant 'policy_model.responses_api_models.vllm_model'?"]),
        ("~nam", ["there is no 'nam'", "Meant 'name'?"]),
        ("~name=new", ["not deleted, because the value of 'name' is 'old'"]),
        ("++list.7.x=1", ["the list at 'list.7.x' has no such entry"]),
        ("name", ["'name' is no override", "+key=value"]),
        ("+k=a=b", ["'+k=a=b' is no override"]),
        ("+k=a,b", ["several values", "+k=[a,b]", "'+k=\"a,b\"'"]),
        ("+k=range(1,3)", ["several values"]),
        ("+group/name=1", ["a key is dotted"]),
        ("+name@package=1", ["a key is dotted"]),
    ],
)
def test_an_override_that_cannot_be_applied_is_refused(text: str, messages: list[str]) -> None:
    refused = refusal(text)

    assert all(message in refused for message in messages), refused


def test_settings_of_hydra_itself_are_passed_over() -> None:
    assert overridden("hydra.run.dir=/tmp/x", "++hydra.verbose=true") == TREE


def test_config_paths_are_taken_out_of_the_overrides() -> None:
    paths, others = config_paths_of(
        parse_overrides(["+config_paths=[a.yaml,b.yaml]", "+x=1", "++config_paths=[c.yaml]"])
    )

    assert paths == ["a.yaml", "b.yaml", "c.yaml"]
    assert [override.key for override in others] == ["x"]


def test_config_paths_that_are_no_list_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"command line \(\+config_paths\): 'config_paths' must be a list"):
        config_paths_of(parse_overrides(["+config_paths=a.yaml"]))
