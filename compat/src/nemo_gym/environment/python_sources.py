"""What a Python file defines, read without running it."""

import ast
from pathlib import Path
from typing import Optional, TypeAlias

from nemo_gym.environment.errors import EnvironmentValidationError

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


def parse_python_file(path: Path, what: str) -> ast.Module:
    """The file's syntax tree. Raises EnvironmentValidationError, which says what the file was to be."""
    if not path.is_file():
        raise EnvironmentValidationError(f"{what} was not found: {path}")
    try:
        return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    except (OSError, UnicodeError, SyntaxError) as error:
        raise EnvironmentValidationError(f"Could not parse {what[0].lower()}{what[1:]} {path}: {error}") from error


def functions(tree: ast.Module | ast.ClassDef) -> dict[str, Function]:
    """The functions at the top of a file or a class."""
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def server_class(tree: ast.Module) -> Optional[ast.ClassDef]:
    """The one class on which the file calls `run_webserver`."""
    served = {
        node.func.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "run_webserver"
        and isinstance(node.func.value, ast.Name)
    }
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name in served]
    return classes[0] if len(classes) == 1 else None


def base_name(base: ast.expr) -> Optional[str]:
    """The last part of a base class's name."""
    return base.id if isinstance(base, ast.Name) else base.attr if isinstance(base, ast.Attribute) else None


def raises_not_implemented(method: Function) -> bool:
    """Whether NotImplementedError is raised anywhere in it."""
    return any(_is_not_implemented(node) for node in ast.walk(method))


def only_raises_not_implemented(method: Function) -> bool:
    """Whether it does nothing else."""
    body = _without_docstring(method)
    return len(body) == 1 and _is_not_implemented(body[0])


def only_delegates_to_super(method: Function) -> bool:
    """Whether it only returns what the same method of the base class gives."""
    body = _without_docstring(method)
    if len(body) != 1 or not isinstance(body[0], ast.Return):
        return False
    value = body[0].value.value if isinstance(body[0].value, ast.Await) else body[0].value
    match value:
        case ast.Call(func=ast.Attribute(attr=name, value=ast.Call(func=ast.Name(id="super")))):
            return bool(name == method.name)
    return False


def _without_docstring(method: Function) -> list[ast.stmt]:
    has_one = ast.get_docstring(method) is not None
    return method.body[1:] if has_one else method.body


def _is_not_implemented(node: ast.AST) -> bool:
    if not isinstance(node, ast.Raise):
        return False
    raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
