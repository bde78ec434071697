import asyncio
from pathlib import Path

import pytest

from polygym.channels.capture import CallFile
from polygym.channels.embedded import EmbeddedModel, EmbeddedResources
from polygym.channels.http import HttpAgent
from polygym.channels.watching import ModelWatch
from polygym.fleet.wiring import Wiring
from polygym.protocol.calls import AgentServerRef, ModelServerRef, ResourcesServerRef, RolloutContext
from polygym.servers.base import Server
from tests.servers.notebook import Notebook, Writer, made


def test_servers_are_found_by_reference_wherever_they_are() -> None:
    async def main() -> None:
        wiring = Wiring()
        notebook = made(Notebook, "env")
        wiring.connect_embedded(notebook)
        wiring.connect_embedded(made(Writer, "policy"))
        wiring.connect_http("responses_api_agents", "far", "http://node7:8000")

        found = wiring.resources(ResourcesServerRef(name="env"))
        assert isinstance(found, EmbeddedResources) and found.server is notebook and wiring.embedded("env") is found
        assert isinstance(wiring.model(ModelServerRef(name="policy")), EmbeddedModel)
        assert isinstance(wiring.agent(AgentServerRef(name="far")), HttpAgent)
        await wiring.close()

    asyncio.run(main())


def test_a_server_of_no_known_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="Server is no kind of server"):
        Wiring().connect_embedded(made(Server))


def test_closing_lets_go_of_the_file_that_model_calls_are_written_to(tmp_path: Path) -> None:
    calls = tmp_path / "calls.jsonl"

    async def main() -> None:
        wiring = Wiring(watch=ModelWatch(capture=CallFile(calls)))
        wiring.connect_embedded(made(Writer, "policy"))
        model = wiring.model(ModelServerRef(name="policy"))
        for number in range(2):
            await model.responses({"input": "x"}, RolloutContext(f"{number}-0"))
            calls.rename(tmp_path / f"{number}.jsonl")
            await wiring.close()

    asyncio.run(main())

    assert [len((tmp_path / f"{number}.jsonl").read_text().splitlines()) for number in range(2)] == [1, 1]
