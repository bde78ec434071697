"""Running the real commands in processes of their own, in an empty folder, on the components beside this file."""

import asyncio
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.test_utils import TestServer

import polygym

COMPONENTS = Path(__file__).parent / "components"
SOURCE = Path(polygym.__file__).parents[1]
ECHO = ("--search-dir", str(COMPONENTS), "--model-type", "echo")
"""Our components, and the model that answers with what it is asked."""
WAIT_S = 20.0
LEGACY = "import sys; from polygym.cli.legacy import run_legacy; sys.exit(run_legacy(sys.argv[1], sys.argv[2:]))"


class Ended(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def environment(**variables: str) -> dict[str, str]:
    """What our processes find in their environment."""
    return {**os.environ, "PYTHONPATH": str(SOURCE), "COLUMNS": "200", **variables}


def gym(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `gym` to its end."""
    command = [sys.executable, "-m", "polygym.cli", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment(**variables), capture_output=True, text=True, timeout=60)


def legacy(name: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run an older command by its name."""
    command = [sys.executable, "-c", LEGACY, name, *arguments]
    found = environment(POLYGYM_EXTRA_ROOTS=str(COMPONENTS))
    return subprocess.run(command, cwd=cwd, env=found, capture_output=True, text=True, timeout=60)


@contextmanager
def gym_running(*arguments: str, cwd: Path, older: str | None = None) -> Iterator[subprocess.Popen[str]]:
    """`gym`, or an older command, while it runs; killed on the way out if it still does."""
    program = ["-c", LEGACY, older] if older else ["-m", "polygym.cli"]
    command = [sys.executable, *program, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=cwd, env=environment(), stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(path: Path, *, lines: int = 0) -> None:
    """Wait until there is a file with at least so many lines."""
    deadline = time.monotonic() + WAIT_S
    while not path.exists() or path.read_bytes().count(b"\n") < lines:
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.01)


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """The standard output of `process` up to the line that holds `text`."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"{text!r} did not appear in:\n{seen}\n{process.stderr.read() if process.stderr else ''}")


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def write_rows(path: Path, *values: Any) -> Path:
    """A JSONL file with those rows."""
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    return path


def names_in(folder: Path) -> list[str]:
    """What lies in a folder, hidden files included."""
    return sorted(entry.name for entry in folder.iterdir())


def free_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def interrupt(process: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
    """Send a signal and wait; exit code, standard output and standard error."""
    process.send_signal(number)
    out, err = process.communicate(timeout=WAIT_S)
    return process.returncode, out, err


@contextmanager
def model_endpoint(
    status: int = 200, *, probe_status: int = 405, port: int = 0, latency_s: float = 0.0
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A stand-in model endpoint: its base URL and the requests it gets. Answers "A", or refuses with `status`.

    A response takes 100 tokens of input, 40 of them cached, and 20 of output.

    A GET, which is a probe, is answered with `probe_status`.
    """
    requests: list[dict[str, Any]] = []
    started: queue.Queue[tuple[str, Callable[[], object]]] = queue.Queue()

    async def answer(request: web.Request) -> web.Response:
        body = await request.json()
        requests.append({"path": request.path, "key": request.headers.get("Authorization"), "body": body})
        refusal = {"error": {"message": "refused here"}}
        await asyncio.sleep(latency_s)
        said = _completion(body) if request.path.endswith("/chat/completions") else _response(body)
        return web.json_response(said if status == 200 else refusal, status=status)

    async def probed(request: web.Request) -> web.Response:
        return web.json_response({"error": {"message": "not for you"}}, status=probe_status)

    async def serve() -> None:
        app = web.Application()
        app.router.add_post("/{path:.*}", answer)
        app.router.add_get("/{path:.*}", probed)
        stopped, loop = asyncio.Event(), asyncio.get_running_loop()
        async with TestServer(app, port=port or None) as server:
            started.put((str(server.make_url("/v1")), lambda: loop.call_soon_threadsafe(stopped.set)))
            await stopped.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    url, stop = started.get(timeout=WAIT_S)
    try:
        yield url, requests
    finally:
        stop()
        thread.join()


def _completion(body: dict[str, Any]) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "A"}}
    completion = {"id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": body["model"]}
    if body.get("return_token_ids"):
        completion["prompt_token_ids"] = [1, 2, 3]
        choice |= {"token_ids": [65, 2], "logprobs": {"content": [{"token": t, "logprob": -0.5} for t in ("A", "")]}}
    return {**completion, "choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}


def _response(body: dict[str, Any]) -> dict[str, Any]:
    content = [{"type": "output_text", "text": "A", "annotations": []}]
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 0,
        "status": "completed",
        "model": body["model"],
        "output": [message],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 40},
            "output_tokens": 20,
            "total_tokens": 120,
        },
    }
