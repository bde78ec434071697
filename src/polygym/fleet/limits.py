"""What a process that runs rollouts asks of the system and of Python: open files, a garbage collector that waits."""

import gc
import resource


def raise_file_limit() -> int:
    """Raise the soft limit on open files as far as the system lets us; the limit that holds afterwards.

    Thousands of rollouts in flight need as many sockets, and the usual soft limit is 1024.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):  # macOS names a hard limit that it does not grant
        return soft
    return hard


TRACKED_A_ROLLOUT = 250
"""Objects that the garbage collector tracks of one rollout in flight, about."""


def calm_collector(in_flight: int = 256) -> None:
    """Have Python's cyclic garbage collector look less often, and not at what is already there.

    A rollout makes hundreds of dicts and no cycles. With the defaults the collector goes through all of the program's
    objects again and again, and finds nothing. It looks when more new objects are there than `in_flight` rollouts
    need, else thousands in flight would be gone through at every look, which stops everything for quarters of a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(max(50_000, TRACKED_A_ROLLOUT * in_flight), 20, 50)
