"""The main program of a server's own process: be the one server that the parent orders, on the socket it bound.

Reads its order as one JSON line from standard input and serves until that input closes, which also happens when the
parent dies.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
import time
from contextlib import AsyncExitStack
from pathlib import Path

from polygym.channels.capture import CallFile
from polygym.channels.watching import ModelWatch
from polygym.config.secrets import secret_values
from polygym.fleet.limits import calm_collector, raise_file_limit
from polygym.fleet.loader import make_server, register_roots
from polygym.fleet.process import READY_LINE
from polygym.fleet.serving import edge_of, serve
from polygym.fleet.wiring import Wiring
from polygym.protocol.errors import ConfigError, UserError
from polygym.protocol.failures import describe
from polygym.protocol.json import JsonObject, loads
from polygym.servers.asgi import AsgiServer, Surroundings


def main() -> int:
    """Serve; 0 after an orderly end, 2 when the server cannot be made."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    bound = socket.socket(fileno=int(sys.argv[1]))
    bound.set_inheritable(False)
    order = loads(sys.stdin.buffer.readline())
    try:
        asyncio.run(_serve(order, bound, _take_standard_input()))
    except asyncio.CancelledError:
        return 0
    except UserError as error:
        sys.stdout.write(f"{error}\n")
        return 2
    return 0


def _take_standard_input() -> int:
    """The parent's pipe under another number, where neither the server's code nor what it starts can get at it."""
    pipe, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return pipe


async def _serve(order: JsonObject, bound: socket.socket, pipe: int) -> None:
    """Be the ordered server until the parent lets go of the pipe, which cancels this task."""
    _watch_parent(pipe, order["stop_s"])
    raise_file_limit()
    register_roots([Path(root) for root in order["roots"]])
    wiring = Wiring(watch=_watch_of(order))
    for name, peer in order["peers"].items():
        wiring.connect_http(peer["server_type"], name, peer["url"], is_ours=peer["is_ours"])
    server = make_server(**order["server"], directory=wiring)
    wiring.connect_embedded(server)
    if isinstance(server, AsgiServer):
        server.join(Surroundings(order["config"], {server.name: server}, Path(order["folder"]), is_alone=True))
    try:
        await server.start()
    except Exception as error:
        raise ConfigError(f"{order['server']['origin']}: {server.name} cannot start: {describe(error)}") from error
    async with AsyncExitStack() as ending:  # last in, first out, whatever goes wrong with one of them
        ending.push_async_callback(wiring.close)
        ending.push_async_callback(server.stop)
        ending.push_async_callback(wiring.close_sessions)
        await ending.enter_async_context(await serve(edge_of(server, wiring), bound))
        calm_collector()
        sys.stdout.write(f"{READY_LINE}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def _watch_of(order: JsonObject) -> ModelWatch | None:
    if order["capture"] is None:
        return None
    return ModelWatch(capture=CallFile(Path(order["capture"]), secret_values(order["server"]["fields"])))


def _watch_parent(pipe: int, stop_s: float) -> None:
    """Cancel the current task when the pipe closes, and kill the process and its children if that does not help.

    In a thread of its own, because the server's code may keep the event loop busy or block it for good.
    """
    loop, serving = asyncio.get_running_loop(), asyncio.current_task()
    assert serving is not None

    def watch() -> None:
        while os.read(pipe, 1):
            pass
        loop.call_soon_threadsafe(serving.cancel)
        time.sleep(stop_s)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
