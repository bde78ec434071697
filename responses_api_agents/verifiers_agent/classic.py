"""Environments of verifiers 0.1 and 0.2: modules with a `load_environment`, a dataset, a loop and a rubric."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from polygym import JsonObject
from polygym.protocol.errors import InputError
from responses_api_agents.verifiers_agent.bridge import Bridge
from responses_api_agents.verifiers_agent.played import LibraryEnvironment, Played, Problem
from responses_api_agents.verifiers_agent.recording import Recording

ENTRY = ("answer", "task", "example_id", "info")
"""Fields of a row that are an entry of the environment's dataset."""


class ClassicEnvironment(LibraryEnvironment):
    """What `load_environment` gave."""

    def __init__(self, env_id: str, arguments: JsonObject, split: str, model_name: str) -> None:
        with _signals_left_alone():
            self._env: Any = import_module("verifiers").load_environment(env_id, **arguments)
        self._split = split
        self._model_name = model_name
        httpx, openai = import_module("httpx"), import_module("openai")
        unlimited = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        self._http = httpx.AsyncClient(trust_env=False, timeout=None, limits=unlimited)
        self._openai = openai.AsyncOpenAI(
            base_url="http://unset", api_key="unset", max_retries=0, http_client=self._http
        )
        self._client_class = import_module("verifiers.clients").OpenAIChatCompletionsClient

    async def play(self, row: JsonObject, recording: Recording, bridge: Bridge) -> Played:
        """One rollout, alone in its group."""
        entry = self._entry(row)
        with bridge.open(recording) as url:
            client = self._client_class(self._openai.with_options(base_url=url))
            (output,) = await self._env.run_group([entry], client=client, model=self._model_name, sampling_args={})
        record: JsonObject = json.loads(json.dumps(dict(output), default=_plain))
        error = record.get("error")
        return Played(
            reward=record.get("reward") or 0.0,
            metrics={name: value for name, value in (record.get("metrics") or {}).items() if value is not None},
            fields={"is_truncated": bool(record.get("is_truncated")), "stop_condition": record.get("stop_condition")},
            conversation=[*_messages(record.get("prompt")), *_messages(record.get("completion"))],
            problem=Problem(str(error["error"]), str(error.get("error_chain_repr"))) if error else None,
        )

    def rows(self) -> Iterator[JsonObject]:
        """A row for each entry of the dataset, in its order."""
        for index, entry in enumerate(self._dataset()):
            prompt = _messages(json.loads(json.dumps(entry["prompt"], default=_plain)))
            kept = {name: entry[name] for name in ENTRY if entry.get(name) is not None}
            yield {"task_idx": index, "responses_create_params": {"input": prompt}, **kept}

    async def close(self) -> None:
        """Close the connections to the bridge."""
        await self._http.aclose()

    def _dataset(self) -> Any:
        return self._env.get_eval_dataset() if self._split == "eval" else self._env.get_dataset()

    def _entry(self, row: JsonObject) -> JsonObject:
        """The entry that a row holds, or else the one that it counts to."""
        if "answer" in row or "info" in row:
            asked = row["responses_create_params"]["input"]
            prompt = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
            kept = {name: row[name] for name in ENTRY if name in row}
            return {"example_id": row.get("task_idx", 0), **kept, "prompt": [_message(each) for each in prompt]}
        index, dataset = row.get("task_idx"), self._dataset()
        if not isinstance(index, int) or not 0 <= index < len(dataset):
            raise InputError(f"'task_idx' must be a number from 0 to {len(dataset) - 1}, this is {index!r}")
        found: JsonObject = dict(dataset[index])
        return found


@contextmanager
def _signals_left_alone() -> Iterator[None]:
    """Ignore that every environment of the library takes SIGINT and SIGTERM over: they end the run in good order.

    It also could not do so outside the main thread. Seen in verifiers 0.1.14, `Environment.__init__`.
    """
    set_handler = signal.signal
    signal.signal = lambda number, handler: signal.getsignal(number)  # type: ignore[assignment]
    try:
        yield
    finally:
        signal.signal = set_handler


def _message(item: JsonObject) -> JsonObject:
    return {name: value for name, value in item.items() if name not in ("type", "id", "status")}


def _messages(value: Any) -> list[JsonObject]:
    """Messages as plain objects without empty fields; a bare string is one of the user."""
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    return [{name: each for name, each in message.items() if each is not None} for message in value or ()]


def _plain(value: Any) -> Any:
    """Objects of the library as JSON."""
    return value.model_dump() if hasattr(value, "model_dump") else str(value)
