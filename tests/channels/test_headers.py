import asyncio

import pytest

from polygym.channels.headers import DURATIONS, LIMITS, ROLLOUT, limits_of, outgoing, take_durations
from polygym.channels.http import HttpResources, HttpServer
from polygym.protocol.calls import RolloutContext
from polygym.protocol.failures import RolloutFailure


def test_limits_travel() -> None:
    headers = outgoing(RolloutContext("3-1", limits_s={"tool": 2.5}))
    assert headers[ROLLOUT] == "3-1"
    assert limits_of(headers) == {"tool": 2.5}
    assert limits_of(outgoing(RolloutContext("3-1"))) == {}


@pytest.mark.parametrize("text", ["", "[]", "7", '{"tool": "soon"}', "{", '{"tool": null}'])
def test_what_cannot_be_read_is_no_limit_and_no_duration(text: str) -> None:
    context = RolloutContext("0-0")
    take_durations({DURATIONS: text}, context)
    assert limits_of({LIMITS: text}) == {}
    assert context.durations_s == {}


def test_durations_are_recorded() -> None:
    context = RolloutContext("0-0")
    take_durations({DURATIONS: '{"model":[0.5,1],"tool":[0.1]}'}, context)
    assert context.durations_s == {"model": [0.5, 1.0], "tool": [0.1]}


def test_a_server_of_others_is_held_to_its_limits_by_the_caller() -> None:
    async def go() -> None:
        hung_up = asyncio.Event()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()
            await writer.wait_closed()
            hung_up.set()

        listening = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        server = HttpServer("theirs", f"http://127.0.0.1:{port}", is_ours=False)
        context = RolloutContext("0-0", limits_s={"seed": 0.05})
        try:
            async with HttpResources(server).open({}, context):
                pass
        finally:
            await server.close()
            await hung_up.wait()
            listening.close()

    with pytest.raises(RolloutFailure, match=r"theirs: seed took longer than 0\.05 s") as info:
        asyncio.run(go())
    assert info.value.failure_class == "timeout"
