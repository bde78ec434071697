"""Gymnasium's spaces in words and JSON: what an action may be, which one the model means, what an observation says."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from gymnasium import spaces

from polygym import Action, JsonObject, ToolError
from polygym.protocol.errors import InputError
from polygym.protocol.json import loads
from polygym.servers.episodes import plain

LARGEST_ACTION: Final = 64
"""Numbers in an action at most."""
LARGEST_OBSERVATION: Final = 512
"""Numbers in an observation at most; larger ones need an environment that renders text."""
LONGEST_ACTION: Final = 20_000
"""Characters."""
DIGITS: Final = 5
"""Significant digits of an observation's numbers."""


class Actions:
    """The actions of one environment; those of a `Discrete` space may have names."""

    def __init__(self, space: spaces.Space[Any], names: Sequence[str] = ()) -> None:
        """Raises InputError for a space whose actions cannot be written as text, or for the wrong number of names."""
        schema = _schema(space)
        self._space = space
        self._numbers: dict[str, int] = {}
        if names:
            if (
                not isinstance(space, spaces.Discrete)
                or len(names) != space.n
                or len(set(map(plain, names))) != len(names)
            ):
                raise InputError(f"action_names {list(names)} do not name each action of {space} once.")
            self._numbers = {name: int(space.start) + place for place, name in enumerate(names)}
            schema = {"type": "string", "enum": list(names)}
        self._schema = schema

    @property
    def description(self) -> str:
        """What an action may be, as the end of a sentence."""
        if self._numbers:
            return f"one of {', '.join(self._numbers)}"
        return _describe(self._space)

    @property
    def tool(self) -> JsonObject:
        """The tool `act`, which takes one action."""
        parameters = {"type": "object", "properties": {"action": self._schema}, "required": ["action"]}
        return {"name": "act", "description": f"Act: {self.description}.", "parameters": parameters}

    def read(self, action: Action) -> Any:
        """The element of the space that the model means. Raises ToolError saying what an action may be."""
        try:
            value = self._written(action) if action.call is None else self._named(action.arguments.get("action"))
            element = _element(self._space, value)
            if not self._space.contains(element):
                raise ValueError(f"{self._space} does not contain it")
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise ToolError(f"That is no action. An action is {self.description}.") from error
        return element

    def _written(self, action: Action) -> Any:
        if self._numbers and (name := action.choose(self._numbers)) is not None:
            return self._numbers[name]
        tagged = action.tagged()
        said = (action.text if tagged is None else tagged).strip()
        if len(said) > LONGEST_ACTION:
            raise ValueError("too long")
        if isinstance(self._space, spaces.Text):
            return said
        return loads(plain(said) if isinstance(self._space, spaces.Discrete) else said.strip("`"))

    def _named(self, value: Any) -> Any:
        if not self._numbers or not isinstance(value, str):
            return value
        return {plain(name): number for name, number in self._numbers.items()}[plain(value[:LONGEST_ACTION])]


def _describe(space: spaces.Space[Any]) -> str:
    if isinstance(space, spaces.Discrete):
        return f"a whole number from {int(space.start)} to {int(space.start + space.n) - 1}"
    if isinstance(space, spaces.MultiDiscrete | spaces.MultiBinary | spaces.Box):
        return f"a JSON list: {_describe_array(space)}"
    if isinstance(space, spaces.Text):
        return f"a text of {space.min_length} to {space.max_length} of the characters {''.join(space.characters)!r}"
    if isinstance(space, spaces.Tuple):
        return f"a JSON list of {len(space.spaces)}: {'; '.join(map(_describe, space.spaces))}"
    assert isinstance(space, spaces.Dict)
    return f"a JSON object: {'; '.join(f'{name!r} is {_describe(each)}' for name, each in space.items())}"


def _describe_array(space: spaces.MultiDiscrete | spaces.MultiBinary | spaces.Box) -> str:
    shape = " times ".join(map(str, space.shape))
    if isinstance(space, spaces.MultiBinary):
        return f"{shape} zeros or ones"
    if isinstance(space, spaces.MultiDiscrete):
        lows, highs = space.start, space.start + space.nvec - 1
        return f"{shape} whole numbers, from {_numbers(lows)} to {_numbers(highs)}"
    kind = "numbers" if np.issubdtype(space.dtype, np.floating) else "whole numbers"
    return f"{shape} {kind}, from {_numbers(space.low)} to {_numbers(space.high)}"


def _numbers(values: Any) -> str:
    """One number where all are the same, else all of them."""
    flat = np.asarray(values).ravel()
    return f"{flat[0]:g}" if (flat == flat[0]).all() else str(value_of(np.asarray(values)))


def _schema(space: spaces.Space[Any]) -> JsonObject:
    """JSON Schema of the actions. Raises InputError for those that cannot be written."""
    if isinstance(space, spaces.Discrete):
        return {"type": "integer", "minimum": int(space.start), "maximum": int(space.start + space.n) - 1}
    if isinstance(space, spaces.MultiDiscrete | spaces.MultiBinary | spaces.Box):
        if np.prod(space.shape) > LARGEST_ACTION:
            raise InputError(f"the action space {space} is too large to be written: {LARGEST_ACTION} numbers at most.")
        is_whole = not isinstance(space, spaces.Box) or not np.issubdtype(space.dtype, np.floating)
        schema: JsonObject = {"type": "integer" if is_whole else "number"}
        for length in reversed(space.shape):
            schema = {"type": "array", "items": schema, "minItems": length, "maxItems": length}
        return schema
    if isinstance(space, spaces.Text):
        return {"type": "string", "minLength": space.min_length, "maxLength": space.max_length}
    if isinstance(space, spaces.Tuple):
        inner = [_schema(each) for each in space.spaces]
        return {"type": "array", "prefixItems": inner, "minItems": len(inner), "maxItems": len(inner), "items": {}}
    if isinstance(space, spaces.Dict):
        properties = {name: _schema(each) for name, each in space.items()}
        return {"type": "object", "properties": properties, "required": list(properties)}
    raise InputError(f"actions of the space {space} cannot be written as text.")


def _element(space: spaces.Space[Any], value: Any) -> Any:
    """A JSON value as an element of the space, if it is one. Raises ValueError, TypeError or KeyError."""
    if isinstance(space, spaces.Discrete):
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            raise ValueError("no whole number")
        return np.int64(value)
    if isinstance(space, spaces.MultiDiscrete | spaces.MultiBinary | spaces.Box):
        given = np.asarray(value)
        if given.dtype.kind not in "if" or given.shape != space.shape:
            raise ValueError("no numbers of that shape")
        with np.errstate(invalid="ignore", over="ignore"):
            element = given.astype(space.dtype)
        if np.issubdtype(space.dtype, np.integer) and (element != given).any():
            raise ValueError("no whole numbers")
        return element
    if isinstance(space, spaces.Text):
        return value
    if isinstance(space, spaces.Tuple):
        return tuple(_element(each, part) for each, part in zip(space.spaces, value, strict=True))
    assert isinstance(space, spaces.Dict)
    if not isinstance(value, dict) or value.keys() != set(space.spaces):
        raise ValueError("not those fields")
    return {name: _element(each, value[name]) for name, each in space.items()}


def value_of(observation: Any) -> Any:
    """An observation, or an environment's information, as JSON; numbers rounded, what is no JSON as its text."""
    if isinstance(observation, np.ndarray):
        return value_of(observation.tolist())
    if isinstance(observation, np.generic):
        return value_of(observation.item())
    if isinstance(observation, float):
        return float(f"{observation:.{DIGITS}g}") if np.isfinite(observation) else str(observation)
    if observation is None or isinstance(observation, str | bool | int):
        return observation
    if isinstance(observation, dict):
        return {str(name): value_of(each) for name, each in observation.items()}
    if isinstance(observation, list | tuple | set | frozenset):
        return [value_of(each) for each in observation]
    return str(observation)


def size_of(space: spaces.Space[Any]) -> int:
    """How many numbers an observation has, at the least."""
    if isinstance(space, spaces.Tuple):
        return sum(map(size_of, space.spaces))
    if isinstance(space, spaces.Dict):
        return sum(map(size_of, space.values()))
    return int(np.prod(space.shape or (1,)))
