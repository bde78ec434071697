"""`@tool`: a method that the model may call. Name, description and JSON Schema come from its signature and docstring.

Knows nothing of sessions but that a parameter annotated `Session` is handed in and is not the model's to give.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.fields import FieldInfo

from polygym.protocol.calls import ToolResult
from polygym.protocol.items import text_of
from polygym.protocol.json import JsonObject, dumps
from polygym.servers.arguments import arguments_schema, explain_arguments
from polygym.servers.blocking import Pool, pool_of, run_blocking
from polygym.servers.docstrings import read_docstring
from polygym.servers.sessions import Session

MethodT = TypeVar("MethodT", bound=Callable[..., Any])


class ToolError(Exception):
    """Raise it in a tool to tell the model what it did wrong. The text is what the model sees."""


def invalid_arguments(tool_name: str, problems: str) -> ToolError:
    """The error that the model sees when its arguments do not fit."""
    return ToolError(f"Invalid arguments for {tool_name}: {problems}")


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


RESERVED_NAMES = frozenset({"seed_session", "verify", "close_session", "aggregate_metrics", "mcp", "next_user_message"})
"""Names that no tool may have: over HTTP they are other endpoints of a resources server."""


_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def check_tool_name(name: str) -> None:
    """Raises TypeError for a name that model endpoints refuse, or that is another endpoint of a resources server."""
    if not _NAME.fullmatch(name):
        raise TypeError(f"tool name {name!r}: letters, digits, '_' and '-' only, 64 at most")
    if name in RESERVED_NAMES:
        raise TypeError(f"tool name {name!r}: that is an endpoint of every resources server; choose another")


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
    pool: Pool | None
    """Where the method wants to run."""

    def definition(self) -> JsonObject:
        """The tool as `responses_create_params.tools` lists it."""
        return {
            "type": "function",
            "name": self.name,
            "description": self.description,
            "parameters": self.parameters,
            "strict": False,
        }

    def invoke(self, server: object, arguments: JsonObject, session: Session[Any, Any]) -> Any:
        """Check `arguments` and call the method: its value, or what is to be awaited for it.

        Raises ToolError for arguments that don't fit.
        """
        try:
            checked = self.arguments_model.model_validate(arguments)
        except ValidationError as error:
            raise invalid_arguments(self.name, explain_arguments(error, arguments, self.arguments_model)) from error
        values = {parameter: getattr(checked, field) for parameter, field in self.fields.items()}
        if self.session_parameter is not None:
            values[self.session_parameter] = session
        method = getattr(server, self.attribute)
        return method(**values) if self.pool is None else run_blocking(self.pool, method, **values)


class ToolContent(list[JsonObject]):
    """What a tool returns to show the model images besides text: a list of `input_text(…)` and `input_image(…)`."""


def result_of(value: Any) -> ToolResult:
    """A tool's value as its caller gets it."""
    if isinstance(value, ToolContent):
        return ToolResult(sendable(text_of(value)), is_error=False, content=list(value))
    return ToolResult(render(value), is_error=False)


def render(value: Any) -> str:
    """A tool's value as the text that the model sees: a string as it is, anything else as JSON."""
    if isinstance(value, str):
        return sendable(value)
    if value is None or isinstance(value, (dict, list, int, float)):
        try:
            return dumps(value).decode()
        except TypeError:
            pass  # it holds dataclasses or models; the adapter below knows them
    return _ANYTHING.dump_json(value, by_alias=True).decode()


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
    check_tool_name(name)
    summary, described = read_docstring(inspect.getdoc(method) or "")
    try:
        hints = get_type_hints(method, include_extras=True)
    except NameError as error:
        raise TypeError(f"tool {name}: {error}; annotations need names of the module, imported at run time") from error
    parameters = list(inspect.signature(method).parameters.values())
    if inspect.isfunction(inspect.getattr_static(server_class, attribute)):
        del parameters[0]  # self; static and class methods show none here
    session_parameter = None
    fields: dict[str, str] = {}
    definitions: dict[str, tuple[Any, FieldInfo]] = {}
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise TypeError(f"tool {name}: parameter '{parameter}' cannot be given by name")
        annotation = hints.get(parameter.name, Any)
        if parameter.name == "session" and parameter.annotation is parameter.empty:
            raise TypeError(f"tool {name}: annotate 'session' with Session, or it is an argument for the model to give")
        if annotation is Session or get_origin(annotation) is Session:
            session_parameter = parameter.name
            continue
        field = fields[parameter.name] = f"argument_{len(fields)}"
        definitions[field] = _field(name, parameter, annotation, described.get(parameter.name))
    try:
        model = _model(name, definitions)
        schema = arguments_schema(model)
    except Exception as error:
        raise _name_culprit(name, definitions, error) from error
    return Tool(
        name=name,
        description=options.description or summary,
        parameters=schema,
        attribute=attribute,
        arguments_model=model,
        fields=fields,
        session_parameter=session_parameter,
        pool=pool_of(method),
    )


def _model(tool_name: str, definitions: Mapping[str, tuple[Any, FieldInfo]]) -> type[BaseModel]:
    fields: dict[str, Any] = dict(definitions)
    return create_model(tool_name, __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=True), **fields)


def _field(
    tool_name: str, parameter: inspect.Parameter, annotation: Any, described: str | None
) -> tuple[Any, FieldInfo]:
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
    field: FieldInfo = Field(default, description=described, alias=parameter.name)
    return annotation, field


def _name_culprit(tool_name: str, definitions: Mapping[str, tuple[Any, FieldInfo]], error: Exception) -> TypeError:
    """The error for parameters of which one has a type that cannot come from JSON."""
    for annotation, field in definitions.values():
        try:
            arguments_schema(_model(tool_name, {"argument": (annotation, field)}))
        except Exception as problem:
            return TypeError(f"tool {tool_name}: '{field.alias}' cannot be an argument: {_first_line(problem)}")
    return TypeError(f"tool {tool_name}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    """What an error says, without the links that pydantic adds."""
    return str(error).partition("\n")[0]
