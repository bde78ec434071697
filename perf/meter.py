"""What a stretch of work costs: CPU seconds, wall-clock seconds and memory of the processes that do it. Linux only."""

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pids: list[int]) -> float:
    """User and system seconds that the processes have used so far."""
    total = 0.0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / TICKS
    return total


def ended_cpu_s() -> float:
    """User and system seconds of the processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def peak_mb(pids: list[int]) -> float:
    """Megabytes (2^20): the sum of the processes' largest resident sizes so far."""
    total = 0
    for pid in pids:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        total += int(status.split("VmHWM:")[1].split()[0])
    return total / 1024


class Meter:
    """What happens inside `measure`."""

    def __init__(self) -> None:
        self.others: list[int] = []
        """Processes that work for the rollouts, besides this one and those that start and end inside `measure`."""
        self.result: dict[str, float] = {}
        """Measured numbers by name; a scenario may add its own."""
        self.note: str | None = None
        """What a reader of the numbers has to know."""

    @contextmanager
    def measure(self, rollouts: int) -> Iterator[None]:
        """Measure the body, in which `rollouts` are done."""
        began = time.perf_counter()
        cpu_before = self._cpu_s()
        yield
        wall = time.perf_counter() - began
        cpu = self._cpu_s() - cpu_before
        self.result |= {
            "cpu_ms_per_rollout": 1000 * cpu / rollouts,
            "rollouts_per_s": rollouts / wall,
            "wall_s": wall,
            "peak_mb": peak_mb([os.getpid(), *self.others]),
            "rollouts": rollouts,
        }

    def _cpu_s(self) -> float:
        return time.process_time() + cpu_s(self.others) + ended_cpu_s()
