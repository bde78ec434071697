"""Environments of Gymnasium's kind, for tests; importing them registers them."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces


class Echo(gymnasium.Env[Any, Any]):
    """Says what it was told; over when told to stop."""

    def __init__(self, space: spaces.Space[Any], observation_space: spaces.Space[Any] | None = None) -> None:
        self.action_space = space
        self.observation_space = observation_space or spaces.Text(1000)
        self.closed = False

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return self._seen("ready"), {"draw": self.np_random.integers(1_000_000)}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        told = repr(action.tolist() if isinstance(action, np.ndarray) else action)
        return self._seen(told), np.float32(0.5), False, False, {"odd": {1, 2}, "array": np.arange(2)}  # type: ignore[return-value]

    def _seen(self, text: str) -> Any:
        return text if isinstance(self.observation_space, spaces.Text) else self.observation_space.sample()

    def close(self) -> None:
        self.closed = True


SPACES: dict[str, spaces.Space[Any]] = {
    "Discrete": spaces.Discrete(3, start=1),
    "MultiDiscrete": spaces.MultiDiscrete([2, 5]),
    "MultiBinary": spaces.MultiBinary(3),
    "Box": spaces.Box(-1.0, 1.0, (2,), np.float32),
    "WholeBox": spaces.Box(0, 9, (2, 2), np.int64),
    "Text": spaces.Text(8, charset="abc "),
    "Tuple": spaces.Tuple((spaces.Discrete(2), spaces.Text(5))),
    "Dict": spaces.Dict({"move": spaces.Discrete(4), "force": spaces.Box(0.0, 1.0, (1,), np.float32)}),
    "Large": spaces.Box(0.0, 1.0, (100,), np.float32),
    "Sequence": spaces.Sequence(spaces.Discrete(2)),
}
for _name, _space in SPACES.items():
    gymnasium.register(f"polygym-tests/{_name}-v0", lambda space=_space: Echo(space))
_PICTURE = spaces.Box(0, 255, (64, 64, 3), np.uint8)
gymnasium.register("polygym-tests/Picture-v0", lambda: Echo(spaces.Discrete(2), _PICTURE))
