"""Parameters of a command as a pydantic model, which can print what they are."""

import sys
from typing import Any

from pydantic import BaseModel, model_validator
from pydantic_core import PydanticUndefined
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
        console = Console()
        console.print(f"Displaying help for {cls.__name__}\n{(cls.__doc__ or '').strip()}\n", markup=False)
        for name, info in cls.model_fields.items():
            kind = info.annotation.__name__ if isinstance(info.annotation, type) else str(info.annotation)
            if info.is_required():
                default = "required"
            else:
                default = f"default {info.default}" if info.default is not PydanticUndefined else "default <factory>"
            console.print(
                f"- {name} ({kind.replace('typing.', '')}): {info.description or ''} [{default}]", markup=False
            )
        sys.exit(0)
