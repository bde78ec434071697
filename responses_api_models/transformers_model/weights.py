"""Putting a trainer's weights in place of those of a model that is loaded already."""

from collections.abc import Mapping
from typing import Any, Final

import torch

from polygym.protocol.errors import suggest

_WRAPPERS: Final = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
"""What compiling and sharding put into the names of parameters."""


class Replacement:
    """New weights for a model, checked against it; nothing is changed before `copy`."""

    def __init__(self, model: Any, source: Any, *, is_partial: bool) -> None:
        """`source` is a module, or its state dict. Raises ValueError when it does not fit the model."""
        own = model.state_dict()
        given = {_plain(name, own): tensor for name, tensor in _state(source).items()}
        unknown = [name for name in given if name not in own]
        if unknown:
            raise ValueError(f"the model has no weights {unknown[0]!r}. {suggest(unknown[0], own)}")
        for name, tensor in given.items():
            _check_tensor(name, tensor, own[name])
        if not is_partial:
            _check_complete(own, given)
        self._pairs = [(own[name], tensor) for name, tensor in given.items()]

    def copy(self) -> None:
        """Put them in place; each is brought to the type and the device of the one that it replaces."""
        with torch.inference_mode(mode=False), torch.no_grad():
            for ours, theirs in self._pairs:
                ours.copy_(theirs)


def _state(source: Any) -> Mapping[str, Any]:
    state = source.state_dict() if isinstance(source, torch.nn.Module) else source
    if not isinstance(state, Mapping) or not state:
        raise ValueError(f"weights must be a module or a state dict with something in it, got {type(source).__name__}")
    return state


def _plain(name: str, own: Mapping[str, Any]) -> str:
    """The name without what wrappers of a trainer have added."""
    for wrapper in _WRAPPERS:
        name = name.replace(wrapper, "")
    return name.removeprefix("module.") if name not in own else name


def _check_tensor(name: str, tensor: Any, ours: torch.Tensor) -> None:
    if not isinstance(tensor, torch.Tensor):
        raise ValueError(f"{name!r} must be a tensor, got {type(tensor).__name__}")
    if tensor.shape != ours.shape:
        raise ValueError(f"{name!r} has the shape {tuple(ours.shape)} in the model, {tuple(tensor.shape)} was given")
    if hasattr(tensor, "full_tensor"):
        raise ValueError(f"{name!r} is sharded; gather it first, with full_tensor()")


def _check_complete(own: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """That every weight is given; of tied ones, which are the same memory, one is enough."""
    places = {own[name].data_ptr() for name in given}
    missing = [name for name, tensor in own.items() if name not in given and tensor.data_ptr() not in places]
    if missing:
        raise ValueError(
            f"{len(missing)} weights of the model are missing, {missing[0]!r} the first; strict=False replaces some"
        )
