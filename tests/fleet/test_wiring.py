import asyncio

import pytest

from polygym.channels.embedded import EmbeddedModel, EmbeddedResources
from polygym.channels.http import HttpAgent
from polygym.fleet.wiring import Wiring
from polygym.protocol.calls import AgentServerRef, ModelServerRef, ResourcesServerRef
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
