"""`@blocking`: a method that would hold up the event loop, run in a thread or in another process by declaration."""

import asyncio
import atexit
import os
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar, overload
from weakref import WeakKeyDictionary

from polygym.protocol.calls import SERVER_TYPES
from polygym.protocol.failures import FailureClass, RolloutFailure, Stage
from polygym.protocol.waiting import waiting_for_capacity

if TYPE_CHECKING:
    from concurrent.futures import Executor

MethodT = TypeVar("MethodT", bound=Callable[..., Any])
Pool: TypeAlias = Literal["thread", "process"]

WORKERS: Final[Mapping[Pool, int]] = {"thread": 32, "process": os.cpu_count() or 1}
"""Calls under way at once; further ones wait, which counts against no limit."""


@overload
def blocking(method: MethodT, /) -> MethodT: ...
@overload
def blocking(*, process: bool = False) -> Callable[[MethodT], MethodT]: ...
def blocking(method: Callable[..., Any] | None = None, /, *, process: bool = False) -> Callable[..., Any]:
    """Run a sync `@tool`, `seed_session` or `verify` off the event loop: in a thread, or in another process.

    Threads are for what waits (files, databases, libraries without async). Processes are for what computes: there the
    method works on copies of the server's configuration and of the session, which have to be picklable, and what it
    changes in them is lost. A script of one's own that plays such an environment needs `if __name__ == "__main__":`,
    because Python imports it again in every new process.
    """

    def mark(marked: MethodT) -> MethodT:
        if asyncio.iscoroutinefunction(marked):
            raise TypeError(f"{marked.__qualname__} is async; @blocking is for plain methods")
        marked.__blocking__ = "process" if process else "thread"  # type: ignore[attr-defined]
        return marked

    return mark if method is None else mark(method)


def pool_of(method: Callable[..., Any]) -> Pool | None:
    """Where a method wants to run; None for the event loop."""
    return getattr(method, "__blocking__", None)


async def run_blocking(pool: Pool, method: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """The result of a bound method of a server, run in a pool. Raises what it raises."""
    loop = asyncio.get_running_loop()
    slots = _slots(loop, pool)
    with waiting_for_capacity():
        await slots.acquire()
    try:
        if pool == "thread":
            return await loop.run_in_executor(_executor(pool), partial(method, *args, **kwargs))
        server = method.__self__  # type: ignore[attr-defined]
        order = (type(server), server.name, server.config, method.__name__, args, kwargs)
        executor = _executor(pool)
        try:
            return await loop.run_in_executor(executor, partial(_in_worker, *order))
        except BrokenExecutor as error:
            if _executors.get(pool) is executor:
                del _executors[pool]
            message = f"{server.name}: the process that ran {method.__name__} died: {error}"
            raise RolloutFailure(FailureClass.ENVIRONMENT_LOST, Stage.ROLLOUT, message) from error
    finally:
        slots.release()


_executors: "dict[Pool, Executor]" = {}
_packages: dict[str, list[str]] = {}
"""Where the workers of the process pool find components."""
_semaphores: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Pool, asyncio.Semaphore]]" = WeakKeyDictionary()


def _slots(loop: asyncio.AbstractEventLoop, pool: Pool) -> asyncio.Semaphore:
    by_pool = _semaphores.setdefault(loop, {})
    if pool not in by_pool:
        by_pool[pool] = asyncio.Semaphore(WORKERS[pool])
    return by_pool[pool]


def _executor(pool: Pool) -> "Executor":
    # Imported here because multiprocessing costs every start 20 ms, and few runs need it.
    from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
    from multiprocessing import get_context

    if pool == "thread":
        if pool not in _executors:
            _executors[pool] = ThreadPoolExecutor(WORKERS[pool], thread_name_prefix="polygym-blocking")
        return _executors[pool]
    packages: Mapping[str, list[str]] = {
        name: list(sys.modules[name].__path__) for name in SERVER_TYPES if name in sys.modules
    }
    if pool in _executors and packages != _packages:  # components of another root have come since
        _executors.pop(pool).shutdown(wait=False)
    if pool not in _executors:
        _packages.clear()
        _packages.update(packages)
        context = get_context("forkserver")
        _executors[pool] = ProcessPoolExecutor(
            WORKERS[pool], mp_context=context, initializer=_begin_worker, initargs=(packages,)
        )
    return _executors[pool]


@atexit.register
def _shut_down() -> None:
    """End the workers while the interpreter is still whole."""
    while _executors:
        _executors.popitem()[1].shutdown(cancel_futures=True)


def _begin_worker(packages: Mapping[str, list[str]]) -> None:
    """Make the components importable in a worker, under the names they have in the parent."""
    for name, path in packages.items():
        package = sys.modules.setdefault(name, ModuleType(name))
        package.__path__ = path


_servers: dict[tuple[type, str], Any] = {}
"""Copies of servers in a worker, by class and name."""


def _in_worker(server_class: type, name: str, config: Any, method: str, args: Any, kwargs: Any) -> Any:
    server = _servers.get((server_class, name))
    if server is None or server.config != config:
        server = _servers[server_class, name] = server_class(name, config, None)
    return getattr(server, method)(*args, **kwargs)
