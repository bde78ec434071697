import asyncio

import pytest

from polygym.protocol.groups import first_of, ungrouped


async def fail(*errors: Exception) -> None:
    async def one(error: Exception) -> None:
        raise error

    async with asyncio.TaskGroup() as group:
        for error in errors:
            group.create_task(one(error))


def test_the_first_error_of_its_kind_comes_out_by_itself() -> None:
    with pytest.raises(KeyError, match="first") as caught, ungrouped(KeyError):
        asyncio.run(fail(ValueError("other"), KeyError("first"), KeyError("second")))
    assert caught.type is KeyError


def test_a_group_in_a_group_is_opened_too() -> None:
    inner = ExceptionGroup("inner", [KeyError("deep")])
    with pytest.raises(KeyError, match="deep"), ungrouped(KeyError):
        raise ExceptionGroup("outer", [ValueError("other"), inner])
    assert str(first_of(ExceptionGroup("outer", [inner]))) == "'deep'"


def test_other_errors_stay_as_they_are() -> None:
    with pytest.raises(ExceptionGroup), ungrouped(KeyError):
        asyncio.run(fail(ValueError("other")))
    with pytest.raises(ValueError, match="alone"), ungrouped(KeyError):
        raise ValueError("alone")
