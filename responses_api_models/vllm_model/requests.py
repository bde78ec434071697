"""The body of a call to the endpoint: a chat request with what the configuration and the row's metadata add to it."""

from typing import Any, Final

from polygym import JsonObject
from polygym.protocol.chat import REASONING_FIELDS
from polygym.protocol.chat.thinking import CLOSING, with_reasoning_apart, with_reasoning_inside
from polygym.protocol.json import loads
from responses_api_models.vllm_model.audio import AUDIO_FIELDS
from responses_api_models.vllm_model.config import VLLMModelConfig

_STREAM: Final = ("stream", "stream_options")
_EXTRA: Final = "extra_body"
_VARIABLES: Final = "chat_template_kwargs"
_SIDE_CHANNELS: Final = (_EXTRA, _VARIABLES, *AUDIO_FIELDS)
"""Fields of `metadata` that are for this server."""


def chat_body(params: JsonObject, config: VLLMModelConfig) -> JsonObject:
    """What goes out for the chat create params `params`: nulls stay here, and answers are never streamed to us.

    `metadata` keeps only its audio fields and what is not for us. Raises ValueError that names what is malformed.
    """
    if None in params.values():
        params = {name: value for name, value in params.items() if value is not None}
    metadata = params.get("metadata")
    said = _side_channels(metadata) if metadata else {}
    body: JsonObject = {**(config.extra_body or {}), **said.get(_EXTRA, {}), **params}
    for name in _STREAM:
        body.pop(name, None)
    if metadata:
        _keep_rest(body, metadata)
    if config.chat_template_kwargs or _VARIABLES in body or _VARIABLES in said:
        body[_VARIABLES] = _variables(config, said, params)
    if config.return_token_id_information:
        _ask_for_tokens(body, config)
    if config.sampling_overrides:
        body |= config.sampling_overrides
    body["model"] = config.model
    body["messages"] = _messages(body.get("messages"), config)
    return body


def _variables(config: VLLMModelConfig, said: dict[str, JsonObject], params: JsonObject) -> JsonObject:
    """The chat template's variables, the request's own winning over the row's metadata, that over the configuration."""
    variables: JsonObject = {}
    for source in (
        config.extra_body or {},
        {_VARIABLES: config.chat_template_kwargs},
        said.get(_EXTRA, {}),
        said,
        params,
    ):
        given = source.get(_VARIABLES) or {}
        if not isinstance(given, dict):
            raise ValueError(f"'{_VARIABLES}' must be an object, got {type(given).__name__}")
        variables |= given
    return variables


def _ask_for_tokens(body: JsonObject, config: VLLMModelConfig) -> None:
    if body.get("n", 1) != 1:
        raise ValueError("'n' must be 1: token ids belong to one answer")
    body |= {"logprobs": True, "return_tokens_as_token_ids": True}
    body.setdefault("top_logprobs", 0)
    if config.request_prompt_and_generation_token_ids:
        body["return_token_ids"] = True


def _side_channels(metadata: Any) -> dict[str, JsonObject]:
    if not isinstance(metadata, dict):
        raise ValueError(f"'metadata' must be an object, got {type(metadata).__name__}")
    found = {}
    for name in (_EXTRA, _VARIABLES):
        text = metadata.get(name)
        if text:
            try:
                value = loads(text) if isinstance(text, str | bytes) else text
            except ValueError as error:
                raise ValueError(f"metadata.{name} is no JSON: {error}") from error
            if not isinstance(value, dict):
                raise ValueError(f"metadata.{name} must hold a JSON object, got {type(value).__name__}")
            found[name] = value
    return found


def _keep_rest(body: JsonObject, metadata: JsonObject) -> None:
    rest = {name: value for name, value in metadata.items() if name not in _SIDE_CHANNELS}
    if rest:
        body["metadata"] = rest
    else:
        del body["metadata"]


def _messages(messages: Any, config: VLLMModelConfig) -> list[JsonObject]:
    """The messages with developers and earlier reasoning as the endpoint wants them."""
    if not isinstance(messages, list):
        raise ValueError("'messages' must be a list of objects")
    return [_message(message, config) for message in messages]


def _message(message: Any, config: VLLMModelConfig) -> JsonObject:
    if not isinstance(message, dict):
        raise ValueError("'messages' must be a list of objects")
    role = message.get("role")
    if role == "assistant":
        return _assistant(message, config)
    if role == "developer" and config.replace_developer_role_with_system:
        return {**message, "role": "system"}
    return message


def _assistant(message: JsonObject, config: VLLMModelConfig) -> JsonObject:
    content = message.get("content")
    if config.uses_reasoning_parser and isinstance(content, str) and CLOSING in content:
        message = with_reasoning_apart(message)
    if config.preserve_reasoning_in_assistant_content and config.uses_interleaved_reasoning:
        return with_reasoning_inside(message)
    if not config.uses_interleaved_reasoning and not message.keys().isdisjoint(REASONING_FIELDS):
        return {name: value for name, value in message.items() if name not in REASONING_FIELDS}
    return message
