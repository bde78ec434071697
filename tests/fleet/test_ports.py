import socket

import pytest

from polygym.fleet.ports import bind_fixed, bind_in_range, reachable_host
from polygym.protocol.errors import ConfigError


def test_a_taken_port_is_named_with_its_purpose() -> None:
    with bind_in_range("127.0.0.1", 20001, 30000, (), "test") as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"^a\.yaml:3: game: port {port} on 127\.0\.0\.1 is taken\. Stop what"):
            bind_fixed("127.0.0.1", port, "a.yaml:3: game")


def test_a_free_port_of_the_range_is_taken_and_excluded_ones_are_not() -> None:
    with bind_in_range("127.0.0.1", 20001, 20010, {*range(20001, 20010)}, "test") as bound:
        assert bound.getsockname()[1] == 20010
        with pytest.raises(ConfigError, match="game: no free port from 20010 to 20010"):
            bind_in_range("127.0.0.1", 20010, 20010, (), "game")


def test_a_caller_is_let_in_before_anybody_serves() -> None:
    with bind_in_range("127.0.0.1", 20001, 30000, (), "test") as bound, socket.socket() as caller:
        caller.connect(bound.getsockname())


def test_a_host_that_is_not_ours_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"game: cannot listen on 192\.0\.2\.1"):
        bind_in_range("192.0.2.1", 20001, 20010, (), "game")


@pytest.mark.parametrize(
    ("host", "reachable"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("node7", "node7")],
)
def test_an_address_that_means_all_is_reached_at_loopback(host: str, reachable: str) -> None:
    assert reachable_host(host) == reachable
