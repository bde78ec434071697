"""Code that computes for ever is interrupted where it stands."""

import re
import threading
from contextlib import suppress

import pytest

from polygym.kit.cpu_limit import CpuLimitExceededError, cpu_limit


def test_a_regular_expression_is_interrupted() -> None:
    with pytest.raises(CpuLimitExceededError, match=r"computed for more than 0\.05 s"), cpu_limit(0.05):
        re.match("(a+)+b", "a" * 100)


def test_code_that_catches_everything_is_interrupted_again() -> None:
    def stubborn() -> None:
        with suppress(BaseException):
            re.match("(a+)+b", "a" * 100)
        re.match("(a+)+b", "a" * 100)

    with pytest.raises(CpuLimitExceededError), cpu_limit(0.02):
        stubborn()


def test_what_is_quick_enough_is_let_be() -> None:
    with cpu_limit(5.0):
        assert sum(range(1000)) == 499500


def test_other_threads_are_not_limited() -> None:
    done = []

    def work() -> None:
        with cpu_limit(0.001):
            done.append(sum(range(100_000)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert done
