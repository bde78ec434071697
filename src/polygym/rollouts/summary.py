"""The aggregate metrics file, from the rollouts file."""

from collections.abc import Mapping

from polygym.data.jsonl import whole_lines
from polygym.protocol.calls import Agent
from polygym.protocol.json import JsonObject, dumps_indented, loads
from polygym.protocol.tasks import AGENT_REF, PARAMS
from polygym.rollouts.outputs import OutputPaths


async def write_metrics(paths: OutputPaths, agents: Mapping[str, Agent]) -> list[JsonObject]:
    """Aggregate every agent's rollouts through its environment and write the file; its entries, one an agent."""
    rows: dict[str, list[JsonObject]] = {name: [] for name in agents}
    for _, line in whole_lines(paths.rollouts):
        row = loads(line)
        rows.setdefault(row[AGENT_REF]["name"], []).append(_without_conversation(row))
    entries = []
    for name, agent in agents.items():
        entries.append({AGENT_REF: {"name": name}, **await agent.aggregate_metrics(rows[name])})
    paths.metrics.write_bytes(dumps_indented(entries))
    return entries


def _without_conversation(row: JsonObject) -> JsonObject:
    """A row without what was asked and said; of the response, its usage stays."""
    small = {key: value for key, value in row.items() if key not in (PARAMS, "response")}
    small["response"] = {"usage": row["response"].get("usage")}
    return small
