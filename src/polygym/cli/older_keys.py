"""`+entrypoint=resources_servers/NAME` and its kin: how the older commands name a component, and say how to test it."""

from collections.abc import Sequence

import click

from polygym.protocol.errors import suggest

ENTRYPOINT = "entrypoint"


def component_names(arguments: Sequence[str], without_effect: Sequence[str] = ()) -> list[str]:
    """The components that arguments name, by themselves or as `+entrypoint=…`.

    Keys of `without_effect` are said to have none. Raises UsageError for any other key.
    """
    names = []
    for argument in arguments:
        key, has_value, value = argument.lstrip("+").partition("=")
        if not has_value:
            names.append(argument)
        elif key == ENTRYPOINT:
            names.append(value)
        elif key in without_effect:
            click.echo(f"{key} has no effect: gym env check looks at the rows, too.", err=True)
        else:
            raise click.UsageError(f"there is no key '{key}' here. {suggest(key, [ENTRYPOINT, *without_effect])}")
    return names
