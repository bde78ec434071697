"""Servers whose tools agents call over MCP, in a fleet that is not served otherwise."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from polygym.config.model import RunConfig
from polygym.fleet.fleet import Fleet
from polygym.protocol.calls import RolloutContext
from polygym.protocol.errors import ConfigError
from tests.fleet.components import ENVIRONMENT, is_listening, notebook_config
from tests.servers.notebook import row


def exposing(root: Path, **placements: Any) -> RunConfig:
    """The notebook's fleet, its tools exposed."""
    config = notebook_config(root, **placements)
    notebook = config.instances["notebook"]
    notebook = replace(notebook, fields={**notebook.fields, "expose_tools_over_mcp": True})
    return replace(config, instances={**config.instances, "notebook": notebook})


def test_an_embedded_server_that_exposes_its_tools_has_a_port_and_the_others_have_none(tmp_path: Path) -> None:
    async def main() -> None:
        async with Fleet(exposing(tmp_path)) as fleet:
            urls = {name: member.url for name, member in fleet.members.items()}
            assert {name for name, url in urls.items() if url} == {"notebook"}
            async with fleet.wiring.resources(ENVIRONMENT).open(row("a"), RolloutContext("0-0")) as session:
                assert session.seed["mcp"]["url"] == f"{urls['notebook']}/mcp"
            assert is_listening(str(urls["notebook"]))
        assert not is_listening(str(urls["notebook"]))

    asyncio.run(main())


def test_a_server_in_a_process_of_its_own_is_exposed_at_its_address(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            Fleet(exposing(tmp_path, notebook="process")) as fleet,
            fleet.wiring.resources(ENVIRONMENT).open(row("a"), RolloutContext("0-0")) as session,
        ):
            assert session.seed["mcp"]["url"] == f"{fleet.members['notebook'].url}/mcp"

    asyncio.run(main())


def test_without_the_sdk_the_fleet_does_not_start_and_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "polygym.channels.mcp", raising=False)
    monkeypatch.setitem(sys.modules, "mcp_types", None)

    async def main() -> None:
        async with Fleet(exposing(tmp_path)):
            raise AssertionError("it started")

    with pytest.raises(ConfigError, match=r"notebook: expose_tools_over_mcp needs .*pip install 'polygym\[mcp\]'"):
        asyncio.run(main())
