"""The environments beside this file."""

from pathlib import Path

from polygym import JsonObject

COMPONENTS = Path(__file__).parent / "components"
COUNTER = COMPONENTS / "resources_servers" / "counter"
JUDGED = COMPONENTS / "resources_servers" / "judged"
ROW: JsonObject = {"responses_create_params": {"input": "Start at 100, then add 7."}, "start": 100, "amounts": [7]}


def write_environment(root: Path, name: str, app: str, **modules: str) -> Path:
    """The folder of an environment in `root`: its `app.py`, further modules, a config with the simple agent."""
    folder = root / "resources_servers" / name
    (folder / "configs").mkdir(parents=True)
    for module, source in {"app": app, **modules}.items():
        (folder / f"{module}.py").write_text(source, encoding="utf-8")
    text = (COUNTER / "configs" / "counter.yaml").read_text(encoding="utf-8")
    (folder / "configs" / f"{name}.yaml").write_text(text.replace("counter", name), encoding="utf-8")
    return folder


def copy_counter(root: Path, name: str = "copy", *, app: str = "") -> Path:
    """The folder of a copy of the counter, in `root`, whose `app.py` goes on with `app`."""
    modules = {name: (COUNTER / f"{name}.py").read_text(encoding="utf-8") for name in ("app", "generate", "reference")}
    folder = write_environment(root, name, **{**modules, "app": modules["app"] + app})
    (folder / "data").mkdir()
    (folder / "data" / "example.jsonl").write_bytes((COUNTER / "data" / "example.jsonl").read_bytes())
    return folder
