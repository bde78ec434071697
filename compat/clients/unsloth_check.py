"""Unsloth's two notebooks: their cells that find the servers and ask `/verify`, run as they are.

The cells before, which install things and clone NeMo Gym, and those after, which train on a GPU, are left out.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from checking import holds, options, work_folder
from fleet import free_port, get_json

NOTEBOOKS = {
    "NeMo-Gym-Sudoku.py": ("reasoning_gym",),
    "NeMo-Gym-Multi-Environment.py": ("reasoning_gym", "instruction_following"),
}
"""Each with the resources servers that it starts, without agents and without a model."""
START_LIMIT_S = 120.0


def cell(notebook: str, marker: str) -> str:
    """The one cell with a piece of code in it."""
    [found] = [part for part in notebook.split("# In[ ]:") if marker in part]
    return found


def resources_only(folder: Path, name: str) -> Path:
    """The configuration that the notebook writes where there is none."""
    path = folder / "resources_servers" / name / "configs" / "resources_only.yaml"
    path.parent.mkdir(parents=True)
    server = {"entrypoint": "app.py", "domain": "other", "verified": False}
    path.write_text(json.dumps({name: {"resources_servers": {name: server}}}))
    return path


def riddles(root: Path) -> list[dict[str, Any]]:
    """Rows of `reasoning_gym` that have an answer."""
    lines = (root / "resources_servers/reasoning_gym/data/example.jsonl").read_text().splitlines()
    return [row for row in map(json.loads, lines) if row.get("answer")]


def check_notebook(name: str, notebook: str, port: int, rows: list[dict[str, Any]]) -> None:
    """The reward function, on right and wrong answers."""
    names: dict[str, Any] = {"model_name": "stand-in", "time": time}
    discovery = cell(notebook, "global_config_dict = OmegaConf.create(").replace("11000", str(port))
    exec(compile(discovery, name, "exec"), names)
    exec(compile(cell(notebook, "def reward_fn("), name, "exec"), names)
    asked = [[{"role": "user", "content": row["question"]}] for row in rows]
    columns = {
        "answer": [row["answer"] for row in rows],
        "metadata": [row["metadata"] for row in rows],
        "resources_server_ref": [{"name": "reasoning_gym"} for _ in rows],
        "verify_extra": rows,
    }
    for wanted, given in ((1.0, [row["answer"] for row in rows]), (0.0, ["no idea"] * len(rows))):
        said = [[{"role": "assistant", "content": f"<answer>{answer}</answer>"}] for answer in given]
        scores = names["reward_fn"](said, prompts=asked, **columns).tolist()
        is_so = all(score == wanted if wanted else score < 1.0 for score in scores)
        holds(is_so, f"{name}: {'right' if wanted else 'wrong'} answers score {scores}")


def main() -> None:
    """Start what each notebook starts, in its words, and run its cells."""
    chosen = options()
    assert chosen.source is not None
    root = chosen.root or Path(__file__).resolve().parents[2]
    for name, servers in NOTEBOOKS.items():
        notebook = next(chosen.source.rglob(name)).read_text()
        with work_folder() as folder:
            paths = ",".join(str(resources_only(folder, server)) for server in servers)
            port = free_port()
            select = [f"+config_paths=[{paths}]", "+uv_pip_set_python=true", f"++head_server.port={port}"]
            if chosen.root:  # theirs pin packages that the rewards do not depend on
                embedded = [f"++{server}.resources_servers.{server}.placement=embedded" for server in servers]
                select += ["--search-dir", str(root), *embedded]
            start = [str(Path(chosen.gym).with_name("ng_run")), *select]
            log = (folder / "ng_run.log").open("w")
            with subprocess.Popen(start, cwd=folder, stdout=log, stderr=subprocess.STDOUT) as process:
                try:
                    wait_for_head(port, process, folder / "ng_run.log")
                    check_notebook(name, notebook, port, riddles(root)[:3])
                finally:
                    process.terminate()


def wait_for_head(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until the head answers, as the notebooks wait."""
    give_up = time.monotonic() + START_LIMIT_S
    while time.monotonic() < give_up and process.poll() is None:
        try:
            get_json(f"http://127.0.0.1:{port}/global_config_dict_yaml")
            return
        except OSError:
            time.sleep(0.2)
    sys.exit(f"FAILED: no head server:\n{log.read_text()[-3000:]}")


if __name__ == "__main__":
    main()
