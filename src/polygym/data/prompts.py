"""Prompt templates: a YAML file with `user` and perhaps `system`, whose `{field}` are filled from a row.

So one set of problems can be asked in several ways. The filled template is the row's `responses_create_params.input`.
"""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from polygym.config.roots import find
from polygym.config.yaml_reader import read_yaml
from polygym.protocol.errors import ConfigError, InputError
from polygym.protocol.json import JsonObject
from polygym.protocol.tasks import PARAMS

PROMPT_CONFIG: Final = "prompt_config"
"""The key that names a template: of a dataset, or of a run for all its inputs."""
_ROLES: Final = ("system", "user")


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """What rows are filled into."""

    path: Path
    user: str
    """Braces that are meant as such are doubled."""
    system: str | None = None

    def fill(self, row: JsonObject, origin: str) -> JsonObject:
        """The row with the filled template as its input; the given one stays as it is.

        Raises InputError naming `origin` when the row lacks a field, or has an input already.
        """
        params = row.get(PARAMS)
        known: JsonObject = params if isinstance(params, dict) else {}
        if known.get("input"):
            raise InputError(
                f"{origin}: has '{PARAMS}.input' already, which the prompt {self.path} would replace. Give one of them."
            )
        return {**row, PARAMS: {**known, "input": self.messages(row, origin)}}

    def messages(self, row: JsonObject, origin: str) -> list[JsonObject]:
        """The filled template as messages, the system's first."""
        texts = ((role, text) for role in _ROLES if (text := getattr(self, role)) is not None)
        return [{"role": role, "content": self._filled(text, row, origin)} for role, text in texts]

    def _filled(self, text: str, row: JsonObject, origin: str) -> str:
        try:
            return text.format_map(row)
        except KeyError as error:
            known = ", ".join(sorted(row)) or "none"
            raise InputError(
                f"{origin}: the prompt {self.path} needs the field {error}. The row has: {known}."
            ) from error
        except (IndexError, AttributeError, TypeError, ValueError) as error:
            raise InputError(f"{origin}: cannot be filled into the prompt {self.path}: {error}.") from error


def read_template(name: str | Path, roots: Sequence[Path], origin: str) -> PromptTemplate:
    """The template in a file, which is looked for in `roots`.

    Raises ConfigError naming `origin` when there is no such file, and naming the file when it is no template.
    """
    path = find(roots, name)
    if path is None or not path.is_file():
        looked = ", ".join(map(str, roots))
        raise ConfigError(f"{origin}: there is no prompt '{name}' in any of {looked}.")
    fields: Any = read_yaml(path).tree
    if not isinstance(fields.get("user"), str) or not isinstance(fields.get("system"), str | None):
        raise ConfigError(f"{path}: a prompt is a mapping with 'user' and perhaps 'system', both texts.")
    for role in _ROLES:
        _check_braces(fields.get(role) or "", path, role)
    return PromptTemplate(path, fields["user"], fields.get("system"))


def _check_braces(text: str, path: Path, role: str) -> None:
    try:
        list(string.Formatter().parse(text))
    except ValueError as error:
        raise ConfigError(f"{path}: '{role}': {error}. Double the braces that are meant as such.") from error
