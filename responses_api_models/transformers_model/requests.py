"""A chat request with what the configuration and the row's metadata add to it."""

from typing import Any, Final

from polygym import JsonObject
from polygym.protocol.json import loads
from responses_api_models.transformers_model.config import TransformersModelConfig

_EXTRA: Final = "extra_body"
_VARIABLES: Final = "chat_template_kwargs"


def chat_body(params: JsonObject, config: TransformersModelConfig) -> JsonObject:
    """The chat create params `params` without nulls, and with what else is to hold for them.

    Where several name a parameter, the configuration's `extra_body` gives way to `metadata.extra_body`, that to the
    request, and all to `sampling_overrides`. Raises ValueError that names what is malformed.
    """
    metadata = params.get("metadata")
    extra = _side_channel(metadata, _EXTRA)
    body = {name: value for name, value in params.items() if value is not None}
    body = {**(config.extra_body or {}), **extra, **body, **(config.sampling_overrides or {})}
    variables = {
        **(config.chat_template_kwargs or {}),
        **_side_channel(metadata, _VARIABLES),
        **_object(body.get(_VARIABLES, {}), _VARIABLES),
    }
    if variables:
        body[_VARIABLES] = variables
    messages = body.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise ValueError("'messages' must be a list of objects")
    if not messages:
        raise ValueError("'messages' is empty")
    return body


def _side_channel(metadata: Any, name: str) -> JsonObject:
    """An object that a row has in its metadata as JSON, where values are texts; empty where there is none."""
    text = metadata.get(name) if isinstance(metadata, dict) else None
    if not text:
        return {}
    try:
        value = loads(text) if isinstance(text, str) else text
    except ValueError as error:
        raise ValueError(f"metadata.{name} is no JSON: {error}") from error
    return _object(value, f"metadata.{name}")


def _object(value: Any, where: str) -> JsonObject:
    if not isinstance(value, dict):
        raise ValueError(f"{where} must be an object, got {type(value).__name__}")
    return value
