import inspect
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polygym.servers.docstrings import read_docstring


def google() -> None:
    """Look the weather up.

    Works for: every city.

    Args:
        city (str): The name,
            with country.
        days (int, optional): How many: 1 to 7.
        **more: Anything.

    Returns:
        city: not this.
    """


def numpy() -> None:
    """Look the weather up.

    Works for: every city.

    Parameters
    ----------
    city : str
        The name,
        with country.
    days : int, optional
        How many: 1 to 7.
    **more
        Anything.

    Returns
    -------
    city : str
        not this.
    """


def sphinx() -> None:
    """Look the weather up.

    Works for: every city.

    :param str city: The name,
        with country.
    :param days: How many: 1 to 7.
    :type days: int
    :param more: Anything.
    :returns: not this.
    :raises KeyError: nor this.
    """


@pytest.mark.parametrize("documented", [google, numpy, sphinx])
def test_summary_and_parameters_are_read_in_every_style(documented: Any) -> None:
    summary, parameters = read_docstring(inspect.getdoc(documented) or "")

    assert summary == "Look the weather up. Works for: every city."
    assert parameters == {"city": "The name, with country.", "days": "How many: 1 to 7.", "more": "Anything."}


def test_parameters_that_numpy_names_together_share_their_description() -> None:
    text = "Move.\n\nParameters\n----------\nx, y : float\n    Where to, in metres.\nfast\n    Whether to hurry.\n"

    assert read_docstring(text).parameters == {
        "x": "Where to, in metres.",
        "y": "Where to, in metres.",
        "fast": "Whether to hurry.",
    }


@pytest.mark.parametrize(
    "text",
    ["", "Only this.", "Times: 10:00 to 12:00.", ":meth:`other` does more.", "Args are given below.\nReturns soon."],
)
def test_a_docstring_without_sections_is_its_summary(text: str) -> None:
    assert read_docstring(text) == (" ".join(text.split()), {})


@given(st.text(alphabet=st.sampled_from("ab :-*\n\t(),Args:Parmets|")))
def test_any_text_can_be_read(text: str) -> None:
    read_docstring(text)
