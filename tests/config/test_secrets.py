from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polygym.config.secrets import hide_secrets, secret_values


@pytest.mark.parametrize(
    "key",
    [
        "policy_api_key",
        "api_key",
        "apiKey",
        "openai_api_keys",
        "OPENAI_API_KEY",
        "X-API-Key",
        "hf_token",
        "token",
        "accessToken",
        "refresh_tokens",
        "aws_secret_access_key",
        "client_secret",
        "db_password",
        "Authorization",
        "Proxy-Authorization",
        "Ocp-Apim-Subscription-Key",
        "Cookie",
        "credentials",
        "private_key",
    ],
)
def test_the_value_of_a_secret_key_is_hidden(key: str) -> None:
    assert hide_secrets({"server": [{key: "s3cret"}]}) == {"server": [{key: "****"}]}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_output_tokens", 100),
        ("max_token", 100),
        ("context_reset_tokens", "50k"),
        ("return_token_id_information", "yes"),
        ("prompt_token_ids", [1, 2]),
        ("token_id_capture", {"dir": "x"}),
        ("sort_key", "name"),
        ("_delete_key", "a, b"),
        ("keyboard", "de"),
        ("secretary", "Ada"),
        ("use_secret", True),
        ("api_key", None),
        ("api_key", ""),
        ("api_key", "???"),
        ("api_key", "${policy_api_key}"),
        ("api_key", "${oc.env:OPENAI_API_KEY}"),
        ("api_key", "${oc.env:OPENAI_API_KEY,null}"),
        ("api_key", "${oc.select:judge_api_key,${policy_api_key}}"),
        ("Authorization", "Bearer ${hf_token}"),
    ],
)
def test_what_is_no_secret_stays(key: str, value: Any) -> None:
    assert hide_secrets({key: value}) == {key: value}


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        (["one", "${two}"], ["****", "${two}"]),
        ({"user": "me", "deep": {"pin": 1234}}, {"user": "****", "deep": {"pin": "****"}}),
        (12345, "****"),
        ("${oc.env:KEY,sk-default}", "${oc.env:KEY,****}"),
        ("${oc.select:a,${oc.env:KEY,sk-default}}", "${oc.select:a,${oc.env:KEY,****}}"),
        ("Bearer sk-123", "****"),
        ("sk-${part}", "****"),
    ],
)
def test_everything_below_a_secret_key_is_hidden(value: Any, hidden: Any) -> None:
    assert hide_secrets({"password": value}) == {"password": hidden}


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("https://user:pass@host/v1", "https://user:****@host/v1"),
        ("https://ghp_abc@github.com/x", "https://****@github.com/x"),
        ("postgres://me:p:w@db:5432/x", "postgres://me:****@db:5432/x"),
        ("see https://a:b@c and http://d:e@f", "see https://a:****@c and http://d:****@f"),
        ("https://${user}:${password}@host", "https://${user}:${password}@host"),
        ("https://${oc.env:TOKEN}@host", "https://${oc.env:TOKEN}@host"),
        ("http://host/v1?api_key=abc&n=1", "http://host/v1?api_key=****&n=1"),
        ("http://host/?n=1&sig=abc", "http://host/?n=1&sig=****"),
        ("http://host:8000/a@b", "http://host:8000/a@b"),
        ("mail me@host", "mail me@host"),
    ],
)
def test_secrets_inside_urls_are_hidden(text: str, hidden: str) -> None:
    assert hide_secrets({"base_url": [text]}) == {"base_url": [hidden]}


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["api_key", "x", "hf_token", "url"]), inner),
    )
)
def test_hiding_twice_hides_nothing_more_and_leaves_the_original(tree: Any) -> None:
    before = repr(tree)

    hidden = hide_secrets(tree)

    assert hide_secrets(hidden) == hidden
    assert repr(tree) == before


def test_the_secrets_of_a_configuration_are_found() -> None:
    tree = {
        "openai_api_key": "sk-1",
        "headers": {"Authorization": "Bearer tok-2", "X-Tenant": "blue"},
        "urls": ["http://ann:pass-3@host/v1?api_key=key-4&page=5", "http://host"],
        "password": None,
        "max_token": 7,
        "named": "${oc.env:SECRET}",
    }

    assert secret_values(tree) == {"sk-1", "tok-2", "pass-3", "key-4"}
