"""How many files and connections this process may have open at once."""

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
