"""What every server is: a name, a checked configuration, and a way to find the others.

Knows no transport: who calls a server, and over what, is settled elsewhere.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Any, ClassVar, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError

from polygym.config.secrets import hide_secrets
from polygym.protocol.calls import Directory
from polygym.protocol.errors import ConfigError, suggest
from polygym.protocol.json import JsonObject


class ServerConfig(BaseModel):
    """Fields below an implementation's name in the configuration. Subclass it to declare your own."""

    model_config = ConfigDict(extra="allow")

    entrypoint: str = "app.py"
    """File in the implementation's folder that defines the server; `file.py:ClassName` when it defines several."""


class Server:
    """Base of resources, agent and model servers.

    A subclass says what its configuration holds by annotating `config` with a `ServerConfig` of its own.
    """

    config: ServerConfig
    wiring_fields: ClassVar[frozenset[str]] = frozenset(
        {
            *("entrypoint", "host", "port", "url", "placement", "num_workers", "datasets", "domain"),
            *("verified", "description", "value", "license"),
        }
    )
    """Fields any instance may have that the framework, not the server, reads."""

    def __init__(self, name: str, config: ServerConfig, directory: Directory) -> None:
        self.name = name
        """Instance name."""
        self.config = config
        self.directory = directory
        """Finds the servers that `config` refers to."""

    async def start(self) -> None:
        """Get ready for calls: open files, load models. Called once, before the first call."""

    async def stop(self) -> None:
        """Let go of everything. Called once, after the last call."""

    @classmethod
    def config_class(cls) -> type[ServerConfig]:
        """The class that `config` is annotated with."""
        found = get_type_hints(cls)["config"]
        if not (isinstance(found, type) and issubclass(found, ServerConfig)):
            raise TypeError(f"{cls.__qualname__}.config must be annotated with a ServerConfig subclass, not {found!r}")
        return found

    @classmethod
    def parse_config(cls, fields: JsonObject, origin: str) -> ServerConfig:
        """`fields` as the server's own configuration. Raises ConfigError naming `origin` and each wrong field."""
        config_class = cls.config_class()
        try:
            return config_class.model_validate(fields)
        except ValidationError as error:
            raise ConfigError(f"{origin}: {explain_validation(error)}") from error

    @classmethod
    def unknown_fields(cls, config: ServerConfig) -> list[str]:
        """A sentence for each configured field that neither the server nor the framework reads."""
        known = set(type(config).model_fields)
        return [
            f"field '{name}' is not one of {cls.__name__}'s and has no effect. {suggest(name, known)}"
            for name in config.model_extra or ()
            if name not in cls.wiring_fields and not name.startswith("_")
        ]


def explain_validation(error: ValidationError) -> str:
    """A pydantic error in one line: `field.path: what is wrong (got …); …`, without the secrets that were given."""
    return join_problems(_explain_one(detail) for detail in error.errors(include_url=False))


def _explain_one(detail: Any) -> str:
    said = detail["msg"].removeprefix("Value error, ")
    if not detail["loc"]:
        return str(said)
    path = ".".join(str(part) for part in detail["loc"])
    given = "" if detail["type"] == "missing" else f" (got {shorten(repr(_without_secrets(detail)))})"
    return f"{path}: {said}{given}"


def _without_secrets(detail: Any) -> Any:
    """The input that a field was given; hidden where the field's name, or one above it, is that of a secret."""
    names = [part for part in detail["loc"] if isinstance(part, str)]
    shown = detail["input"]
    for name in reversed(names):
        shown = {name: shown}
    shown = hide_secrets(shown)
    for name in names:
        shown = shown[name]
    return shown


def join_problems(problems: Iterable[str], limit: int = 20) -> str:
    """The first `limit` problems in one line, and whether there are more; further ones are not even looked at."""
    listed = list(islice(problems, limit + 1))
    return "; ".join([*listed[:limit], "and more"] if len(listed) > limit else listed)


def shorten(text: str, limit: int = 80) -> str:
    """`text`, cut to `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
