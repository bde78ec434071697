"""The options that say which configuration a command is about, shared by all commands that have one.

Config files are merged in this order, later ones winning: the components by name (environments, benchmarks, resources
servers, model, agent), `--config` files as given, files of `+config_paths=[…]`. Where options of different kinds stand
on the command line does not matter.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from polygym.cli.verbosity import verbose_option
from polygym.config.components import Selector
from polygym.protocol.json import JsonObject

if TYPE_CHECKING:
    from polygym.config.model import RunConfig


@dataclass(frozen=True)
class Selection:
    """What the options say."""

    options: JsonObject
    """Values by parameter name."""
    overrides: tuple[str, ...]
    """In Hydra's grammar."""

    def load(self, *, needs_model: bool = True) -> "RunConfig":
        """The configuration that is selected. Raises ConfigError when it is wrong."""
        from polygym.config.load import load_config

        return load_config(
            config_paths=self.options["config"],
            selectors=list(self._selectors()),
            overrides=self.overrides,
            search_dirs=self.options["search_dir"],
            settings=self._settings(),
            needs_model=needs_model,
        )

    def override_keys(self) -> set[str]:
        """The keys that overrides set, as written."""
        return {text.lstrip("+").partition("=")[0] for text in self.overrides if not text.startswith("~")}

    def _selectors(self) -> Iterator[Selector]:
        for name in self.options["environment"]:
            yield Selector("environment", name)
        for name in self.options["benchmark"]:
            yield Selector("benchmark", name)
        for name in self.options["resources_server"]:
            yield Selector("resources-server", name)
        if self.options["model_type"]:
            yield Selector("model-type", self.options["model_type"])
        if self.options["agent_type"]:
            yield Selector("agent-type", self.options["agent_type"])

    def _settings(self) -> JsonObject:
        """What the options about the model set at the top of the configuration."""
        urls = self.options["model_url"]
        settings = {
            "policy_model_name": self.options["model"],
            "policy_base_url": urls[0] if len(urls) == 1 else list(urls) or None,
            "policy_api_key": self.options["model_api_key"],
        }
        return {key: value for key, value in settings.items() if value is not None}


def search_dir_option(command: Callable[..., int]) -> Callable[..., int]:
    """Let a command take `--search-dir`."""
    return click.option(
        "--search-dir",
        metavar="DIR",
        multiple=True,
        help="Look for components and files here first. Repeatable.",
    )(command)


_OPTIONS = (
    click.option("--environment", metavar="NAME", multiple=True, help="An environment by name. Repeatable."),
    click.option("--benchmark", metavar="NAME", multiple=True, help="A benchmark by name. Repeatable."),
    click.option("--resources-server", metavar="NAME", multiple=True, help="A resources server by name. Repeatable."),
    click.option("--model-type", metavar="NAME", help="The model server, such as openai_model or random_model."),
    click.option("--agent-type", metavar="NAME", help="The agent server."),
    click.option("--config", metavar="PATH", multiple=True, help="A config file. Repeatable; later ones win."),
    search_dir_option,
    click.option("--model", "-m", metavar="NAME", help="Name of the model at the endpoint (policy_model_name)."),
    click.option(
        "--model-url", metavar="URL", multiple=True, help="Base URL of the endpoint (policy_base_url). Repeatable."
    ),
    click.option("--model-api-key", metavar="KEY", help="Key of the endpoint (policy_api_key)."),
    click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]..."),
    verbose_option,
)
_NAMES = (
    *("environment", "benchmark", "resources_server", "model_type", "agent_type"),
    *("config", "search_dir", "model", "model_url", "model_api_key"),
)


def selection_options(command: Callable[..., int]) -> Callable[..., int]:
    """Let a command take all of them; it gets them as `selection`."""

    @wraps(command)
    def with_selection(*, overrides: tuple[str, ...], **values: Any) -> int:
        chosen = {name: values.pop(name) for name in _NAMES}
        return command(selection=Selection(chosen, overrides), **values)

    for option in reversed(_OPTIONS):
        with_selection = option(with_selection)
    return with_selection
