"""Whether tools are described by valid JSON Schemas, and take the arguments that these allow."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from polygym.kit.checks.subject import Result, Subject, shorten
from polygym.protocol.chat import chat_params_to_responses, responses_params_to_chat
from polygym.protocol.json import JsonObject, dumps
from polygym.protocol.tasks import PARAMS, TOOLS
from polygym.servers.base import explain_validation
from polygym.servers.resources import ResourcesServer
from polygym.servers.schemas import explain_mismatch


def check_tools(subject: Subject) -> Result:
    """Every tool of every sample: a valid schema, whose arguments are taken, and which Chat Completions can carry."""
    definitions: dict[bytes, JsonObject] = {}
    for tool in offered_tools(subject):
        definitions.setdefault(dumps(tool), tool)
    server, count = subject.playground.server, max(5, subject.settings.examples // 5)
    problems = [problem for tool in definitions.values() for problem in _faults(tool, server, count)]
    return Result(list(dict.fromkeys(problems)), f"{len(definitions)} tools" if definitions else "there are no tools")


def offered_tools(subject: Subject) -> Iterator[JsonObject]:
    """The tools that the server defines and the function tools that the samples offer, repeatedly."""
    yield from subject.playground.server.tool_definitions()
    for sample in subject.samples:
        for tool in sample.row[PARAMS].get(TOOLS) or ():
            if tool.get("type", "function") == "function":
                yield tool


def _faults(tool: JsonObject, server: ResourcesServer[Any, Any], count: int) -> Iterator[str]:
    """What is wrong with a tool; `count` sets of arguments are tried."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    name, schema = tool.get("name"), tool.get("parameters")
    if not isinstance(name, str) or not isinstance(schema, dict):
        yield f"{shorten(tool)}: a tool needs a name and parameters"
        return
    if not str(tool.get("description") or "").strip():
        yield f"{name}: has no description; write a docstring"
    if not server.may_offer(name):
        yield f"{name}: rows offer it, and the server has no such tool"
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        yield f"{name}: the parameters are no JSON Schema (2020-12): {error.message} at {error.json_path}"
        return
    if schema.get("type") != "object":
        yield f"{name}: the parameters must be an object, not {schema.get('type')!r}"
        return
    yield from _refusals(name, schema, server, count)
    sent = {"model": "m", "input": "?", TOOLS: [tool]}
    returned = chat_params_to_responses(responses_params_to_chat(sent)).get(TOOLS)
    if returned != [{**tool, "type": "function", "strict": tool.get("strict") or False}]:
        yield f"{name}: Chat Completions turns its definition into {shorten(returned)}"


def _refusals(name: str, schema: JsonObject, server: ResourcesServer[Any, Any], count: int) -> Iterator[str]:
    """Arguments that the schema allows and the tool does not take."""
    from hypothesis.errors import HypothesisException

    from polygym.kit.drawing import draw
    from polygym.kit.schema_values import values_of

    try:
        drawn = draw(values_of(schema), count)
    except HypothesisException as error:
        yield f"{name}: no arguments can be made up that fit its schema: {type(error).__name__}"
        return
    own = server.tools.get(name)
    for arguments in drawn:
        problem = explain_mismatch(name, arguments, schema)
        if problem is None and own is not None and own.parameters == schema:
            try:
                own.arguments_model.model_validate(arguments)
            except ValidationError as error:
                problem = explain_validation(error)
        if problem is not None:
            yield f"{name}: its schema allows {shorten(arguments)}, and the tool refuses: {problem}"
            return
