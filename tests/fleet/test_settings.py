from typing import Any

import pytest

from polygym.fleet.settings import port_setting, ports_setting, seconds_setting
from polygym.protocol.errors import ConfigError


def test_settings_that_are_not_there_have_defaults() -> None:
    assert port_setting({}, "port_range_low", 10001) == 10001
    assert ports_setting({"disallowed_ports": None}, "disallowed_ports") == set()
    assert seconds_setting({}, "limit", 2.5) == 2.5


def test_digits_count_as_numbers() -> None:
    assert port_setting({"p": "8000"}, "p", 1) == 8000
    assert ports_setting({"p": [1, "2"]}, "p") == {1, 2}
    assert seconds_setting({"s": "1.5"}, "s", 1.0) == 1.5


@pytest.mark.parametrize("value", ["abc", 0, 70000, -1, True, 1.5, [1]])
def test_what_is_no_port_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError, match="p: must be a port"):
        port_setting({"p": value}, "p", 1)


@pytest.mark.parametrize("value", [5, "80", ["x"]])
def test_what_is_no_list_of_ports_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError, match="p: must be a"):
        ports_setting({"p": value}, "p")


@pytest.mark.parametrize("value", ["abc", 0, -1, "inf", "nan", []])
def test_what_are_no_seconds_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError, match="s: must be seconds"):
        seconds_setting({"s": value}, "s", 1.0)
