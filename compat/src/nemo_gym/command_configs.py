"""Parameters of a command as a pydantic model, which can print what they are."""

import sys
from inspect import cleandoc
from typing import Any

from pydantic import BaseModel, model_validator
from pydantic.fields import FieldInfo
from rich.console import Console


class BaseNeMoGymCLIConfig(BaseModel):
    """Base of a command's parameters. When help is asked for, they are listed and the process ends."""

    @model_validator(mode="before")
    @classmethod
    def pre_process(cls, data: Any) -> Any:
        """List the parameters and exit, if the command line or the data asks for help."""
        is_asked = {"-h", "--help"} & set(sys.argv[1:]) or (
            hasattr(data, "get") and (data.get("h") or data.get("help"))
        )
        if not is_asked:
            return data
        console = Console(soft_wrap=True, highlight=False, markup=False)
        console.print(f"Displaying help for {cls.__name__}\n\n{cleandoc(cls.__doc__ or '')}\n\nParameters\n----------")
        for name, info in cls.model_fields.items():
            kind = info.annotation.__name__ if isinstance(info.annotation, type) else str(info.annotation)
            text = f"- {name} ({kind.replace('typing.', '')}): {info.description or ''} {_default(info)}"
            console.print(text.rstrip())
        sys.exit(0)


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "[required]"
    if info.default_factory is not None:
        return "[default: <factory>]"
    return "" if info.default is None else f"[default: {info.default}]"
