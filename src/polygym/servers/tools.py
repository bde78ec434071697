"""`@tool`: a method that the model may call. Name, description and JSON Schema come from its signature and docstring.

Knows nothing of sessions but that a parameter annotated `Session` is handed in and is not the model's to give.
"""

import inspect
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.fields import FieldInfo

from polygym.protocol.awaiting import is_awaitable
from polygym.protocol.json import JsonObject, dumps
from polygym.servers.base import explain_validation
from polygym.servers.blocking import pool_of, run_blocking
from polygym.servers.sessions import Session

MethodT = TypeVar("MethodT", bound=Callable[..., Any])


class ToolError(Exception):
    """Raise it in a tool to tell the model what it did wrong. The text is what the model sees."""


@dataclass(frozen=True, slots=True)
class _Options:
    name: str | None
    description: str | None


@overload
def tool(method: MethodT, /) -> MethodT: ...
@overload
def tool(*, name: str | None = None, description: str | None = None) -> Callable[[MethodT], MethodT]: ...
def tool(
    method: Callable[..., Any] | None = None, /, *, name: str | None = None, description: str | None = None
) -> Callable[..., Any]:
    """Offer a method, sync or async, to the model.

    Its parameters are the tool's arguments: their annotations give the schema, `Annotated[int, "text"]` or an `Args:`
    section of the docstring their descriptions. A parameter annotated `Session` is handed in by the framework.
    """

    def mark(marked: MethodT) -> MethodT:
        marked.__tool__ = _Options(name, description)  # type: ignore[attr-defined]
        return marked

    return mark if method is None else mark(method)


RESERVED_NAMES = frozenset({"seed_session", "verify", "close_session", "aggregate_metrics", "mcp"})
"""Names that no tool may have: over HTTP they are other endpoints of a resources server."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool of a resources server class."""

    name: str
    description: str
    parameters: JsonObject
    """JSON Schema of the arguments, an object."""
    attribute: str
    """Name of the method."""
    arguments_model: type[BaseModel]
    fields: Mapping[str, str]
    """Field of `arguments_model` by parameter; a parameter may have a name that no field can have."""
    session_parameter: str | None

    def definition(self) -> JsonObject:
        """The tool as `responses_create_params.tools` lists it."""
        return {
            "type": "function",
            "name": self.name,
            "description": self.description,
            "parameters": self.parameters,
            "strict": False,
        }

    async def call(self, server: object, arguments: JsonObject, session: Session[Any, Any]) -> str:
        """Check `arguments`, call the method, give its value as text. Raises ToolError for arguments that don't fit."""
        try:
            checked = self.arguments_model.model_validate(arguments)
        except ValidationError as error:
            raise ToolError(f"Invalid arguments for {self.name}: {explain_validation(error)}") from error
        values = {parameter: getattr(checked, field) for parameter, field in self.fields.items()}
        if self.session_parameter is not None:
            values[self.session_parameter] = session
        method = getattr(server, self.attribute)
        pool = pool_of(method)
        result = method(**values) if pool is None else await run_blocking(pool, method, **values)
        if is_awaitable(result):
            result = await result
        return render(result)


def render(value: Any) -> str:
    """A tool's value as the text that the model sees: a string as it is, anything else as JSON."""
    if isinstance(value, str):
        return sendable(value)
    if value is None or isinstance(value, (dict, list, int, float)):
        try:
            return dumps(value).decode()
        except TypeError:
            pass  # it holds dataclasses or models; the adapter below knows them
    return _ANYTHING.dump_json(value).decode()


def sendable(text: str) -> str:
    """`text` with `?` for lone surrogates, which UTF-8 cannot hold; undecodable bytes in a file's name leave them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


_ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)


def tools_of(server_class: type) -> dict[str, Tool]:
    """The tools that a class and its bases offer, by name, in the order of their definition.

    A method that overrides a tool without being marked itself is none. Raises TypeError for what cannot be a tool.
    """
    found: dict[str, Tool] = {}
    for attribute in dict.fromkeys(name for owner in reversed(server_class.__mro__) for name in vars(owner)):
        method = getattr(server_class, attribute, None)
        options = getattr(method, "__tool__", None)
        if not isinstance(options, _Options):
            continue
        built = _build(server_class, attribute, method, options)
        if built.name in found:
            raise TypeError(f"tool name {built.name!r}: '{found[built.name].attribute}' and '{attribute}' both have it")
        found[built.name] = built
    return found


def _build(server_class: type, attribute: str, method: Any, options: _Options) -> Tool:
    name = options.name or attribute
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name):
        raise TypeError(f"tool name {name!r}: letters, digits, '_' and '-' only, 64 at most")
    if name in RESERVED_NAMES:
        raise TypeError(f"tool name {name!r}: that is an endpoint of every resources server; choose another")
    summary, described = _read_docstring(inspect.getdoc(method) or "")
    hints = get_type_hints(method, include_extras=True)
    parameters = list(inspect.signature(method).parameters.values())
    if inspect.isfunction(inspect.getattr_static(server_class, attribute)):
        del parameters[0]  # self; static and class methods show none here
    session_parameter = None
    fields: dict[str, str] = {}
    definitions: dict[str, Any] = {}
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise TypeError(f"tool {name}: parameter '{parameter}' cannot be given by name")
        annotation = hints.get(parameter.name, Any)
        if annotation is Session or get_origin(annotation) is Session:
            session_parameter = parameter.name
            continue
        field = fields[parameter.name] = f"argument_{len(fields)}"
        definitions[field] = _field(name, parameter, annotation, described.get(parameter.name))
    model = create_model(name, __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=True), **definitions)
    return Tool(
        name=name,
        description=options.description or summary,
        parameters=_tidy(model.model_json_schema()),
        attribute=attribute,
        arguments_model=model,
        fields=fields,
        session_parameter=session_parameter,
    )


def _field(tool_name: str, parameter: inspect.Parameter, annotation: Any, described: str | None) -> tuple[Any, Any]:
    """What pydantic's `create_model` wants for one parameter; a bare string in `Annotated` is its description."""
    default = ... if parameter.default is parameter.empty else parameter.default
    if isinstance(default, FieldInfo):
        raise TypeError(f"tool {tool_name}: '{parameter.name}' must be Annotated[<type>, Field(...)] = <plain default>")
    if get_origin(annotation) is Annotated:
        annotation, *extras = get_args(annotation)
        for extra in extras:
            if isinstance(extra, str):
                described = extra
                continue
            if isinstance(extra, FieldInfo):
                described = extra.description or described
            annotation = Annotated[annotation, extra]
    return annotation, Field(default, description=described, alias=parameter.name)


_SECTION = re.compile(
    r"^(Args|Arguments|Parameters|Returns|Raises|Yields|Examples?|Notes?|Warnings?|See Also|Todo):[ \t]*$", re.MULTILINE
)
_ARGUMENTS = frozenset({"Args", "Arguments", "Parameters"})
_ARGUMENT = re.compile(r"^(\w+)(?:\s*\(.*?\))?:((?:.|\n(?!\S))*)", re.MULTILINE)


def _read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """The text before the first section, and the descriptions under `Args:` (Google style) by parameter."""
    summary, *sections = _SECTION.split(text)
    described: dict[str, str] = {}
    for heading, body in zip(sections[::2], sections[1::2], strict=True):
        if heading in _ARGUMENTS:
            described.update((name, " ".join(said.split())) for name, said in _ARGUMENT.findall(textwrap.dedent(body)))
    return " ".join(summary.split()), described


_DATA = frozenset({"default", "const", "enum", "examples"})
"""Keywords of JSON Schema that hold values, not schemas."""


def _tidy(schema: Any, *, is_name_map: bool = False) -> Any:
    """The schema without pydantic's generated titles. A property may itself be called `title`; that stays."""
    if isinstance(schema, list):
        return [_tidy(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    if is_name_map:
        return {name: _tidy(value) for name, value in schema.items()}
    return {
        key: value if key in _DATA else _tidy(value, is_name_map=key in ("properties", "$defs"))
        for key, value in schema.items()
        if key != "title"
    }
