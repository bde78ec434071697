import asyncio
import logging

import pytest

from polygym.fleet.probe import has_probe, probe_models
from polygym.protocol.errors import ConfigError, UserError
from polygym.protocol.failures import FailureClass, RolloutFailure, Stage
from tests.servers.notebook import Writer, made

ABSENT = RolloutFailure(FailureClass.MODEL_UNAVAILABLE, Stage.MODEL, "nobody is there")
REFUSED = RolloutFailure(FailureClass.MODEL_REJECTED, Stage.MODEL, "check the key", http_status=401)


class Probed(Writer):
    """Its probes end as `outcomes` say, one after the other; the last one stays."""

    outcomes: tuple[Exception | None, ...] = (None,)
    asked = 0
    delay_s = 0.0

    async def probe(self) -> None:
        outcome = self.outcomes[min(self.asked, len(self.outcomes) - 1)]
        self.asked += 1
        await asyncio.sleep(self.delay_s)
        if outcome is not None:
            raise outcome


def probed(*outcomes: Exception | None) -> Probed:
    server = made(Probed, "policy")
    server.outcomes = outcomes
    return server


def test_a_server_that_cannot_tell_is_left_alone() -> None:
    assert (has_probe(made(Writer)), has_probe(probed(None))) == (False, True)
    asyncio.run(probe_models({"a": made(Writer)}))


@pytest.mark.parametrize("outcome", [ABSENT, REFUSED, UserError("no licence")])
def test_what_a_probe_finds_wrong_is_the_users_to_mend(outcome: Exception) -> None:
    with pytest.raises(UserError, match=str(outcome)):
        asyncio.run(probe_models({"good": probed(None), "bad": probed(outcome)}))


def test_a_probe_that_breaks_is_named_with_its_server() -> None:
    with pytest.raises(ConfigError, match="policy: its probe raised ZeroDivisionError: oh"):
        asyncio.run(probe_models({"policy": probed(ZeroDivisionError("oh"))}))


def test_an_endpoint_that_comes_up_in_time_is_waited_for() -> None:
    server = probed(ABSENT, ABSENT, ABSENT, None)
    asyncio.run(probe_models({"policy": server}, wait_s=30, first_pause_s=0.001))
    assert server.asked == 4


def test_an_endpoint_that_refuses_us_is_not_waited_for() -> None:
    server = probed(REFUSED)
    with pytest.raises(UserError):
        asyncio.run(probe_models({"policy": server}, wait_s=30))
    assert server.asked == 1


def test_an_endpoint_that_takes_long_to_answer_is_busy_and_passes(caplog: pytest.LogCaptureFixture) -> None:
    server = probed(ABSENT)
    server.delay_s = 60.0
    with caplog.at_level(logging.WARNING):
        asyncio.run(probe_models({"policy": server}, limit_s=0.01))
    assert "policy: its endpoint did not answer" in caplog.text


def test_endpoints_are_probed_at_the_same_time() -> None:
    async def run() -> None:
        together = asyncio.Barrier(3)

        class Waiting(Writer):
            async def probe(self) -> None:
                await together.wait()

        await probe_models({str(number): made(Waiting, str(number)) for number in range(3)})

    asyncio.run(run())
