"""The documentation's code blocks, and running them as a reader would: in order, in a folder of their own.

Every ```bash and ```python block runs and has to end with exit code 0, unless a note above it says otherwise. A
```python block comes after all those before it on its page. Notes are HTML comments, which readers do not see:

    <!-- not run: reason -->   left out
    <!-- exits N -->           ends with exit code N
    <!-- stays up -->          serves until Ctrl-C: it runs along with the blocks that follow, up to the next such block
    <!-- output -->            what the block before shows, line by line; … stands for anything, blanks do not count
    <!-- file: PATH -->        saved as PATH
    <!-- given: PATH -->       the block needs the file PATH that another section of the page shows

`make` lines do not run: they set up what is set up already.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polygym

ROOT = Path(__file__).parents[2]
SOURCE = Path(polygym.__file__).parents[1]
PROGRAMS = Path(sys.executable).parent
"""Where `gym` and the other commands are installed."""
READY = "Ctrl-C stops everything"
"""What a server says when it is up."""
WAIT_S = 30.0
SHELL = ("bash", "-euo", "pipefail", "-c")

_NOTE = re.compile(r"<!-- (not run|exits|stays up|output|file|given)(?:: | |)(.*?) -->")


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    place: str
    """`file:line`."""
    section: str
    """Title of the section (`##`) it stands in."""
    language: str
    text: str
    notes: dict[str, str]

    @property
    def is_run(self) -> bool:
        """Whether it is a command or a program to run."""
        return self.language in ("bash", "python") and not self.notes.keys() & {"not run", "file", "output"}


def blocks_of(page: Path) -> list[Block]:
    """The page's blocks, in order. Raises ValueError for a comment above one that is no note."""
    blocks: list[Block] = []
    section, start = "", 0
    language: str | None = None
    notes: dict[str, str] = {}
    lines: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        place = f"{page.name}:{number}"
        if language is not None and line == "```":
            text = "".join(f"{each}\n" for each in lines)
            blocks.append(Block(f"{page.name}:{start}", section, language, text, notes))
            notes, language, lines = {}, None, []
        elif language is not None:
            lines.append(line)
        elif line.startswith("```"):
            language, start = line.removeprefix("```"), number
        elif line.startswith("<!--"):
            note = _NOTE.fullmatch(line)
            if note is None or (note[1] == "not run" and not note[2]):
                raise ValueError(f"{place}: {line} is no note")
            notes = {**notes, note[1]: note[2]}
        elif notes:
            raise ValueError(f"{place}: a note must stand right above a block")
        elif line.startswith("## "):
            section = line.removeprefix("## ")
    return blocks


class Reader:
    """Somebody who follows a page: a copy of the repository to work in, and what has to be other than on the page."""

    def __init__(self, page: Path, folder: Path, *, endpoint: str, head_port: int, server_port: int) -> None:
        self._folder = folder
        self._head = f"head_server: {{port: {head_port}}}\n"
        self._instead = {
            "[--model-url http://localhost:8000/v1]": "--model-url http://localhost:8000/v1",
            "http://localhost:8000/v1": endpoint,
            "127.0.0.1:11000": f"127.0.0.1:{head_port}",
            "10001": str(server_port),
            "sk-…": "sk-test",
            "API_KEY=…": "API_KEY=sk-test",
        }
        blocks = blocks_of(page)
        self._files = {block.notes["file"]: block.text for block in blocks if "file" in block.notes}
        self._programs = [block for block in blocks if block.is_run and block.language == "python"]
        hidden = shutil.ignore_patterns(".*", "__pycache__", "results", "env.yaml", "tests")
        shutil.copytree(ROOT, folder, ignore=hidden)
        (folder / "results").mkdir()
        (folder / "env.yaml").write_text(self._head)

    def follow(self, blocks: list[Block]) -> None:
        """Do what the blocks say. Raises AssertionError when something else happens than they say."""
        shown = ""
        server: Server | None = None
        try:
            for block in blocks:
                for kind in block.notes.keys() & {"file", "given"}:
                    self._save(block.notes[kind])
                if "output" in block.notes:
                    self._check_output(block, shown)
                elif "stays up" in block.notes:
                    if server is not None:
                        server.stop()
                    server = Server(self._command(block), self._folder, block.place)
                    shown = server.shown()
                elif block.is_run:
                    shown = self._run(block)
            if server is not None:
                server.stop()
                server = None
        finally:
            if server is not None:
                server.kill()

    def _save(self, name: str) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = self._translated(self._files[name])
        path.write_text(text + self._head if name == "env.yaml" else text, encoding="utf-8")

    def _run(self, block: Block) -> str:
        done = subprocess.run(
            self._command(block),
            cwd=self._folder,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=WAIT_S,
        )
        wanted = int(block.notes.get("exits", 0))
        assert done.returncode == wanted, f"{block.place}: exit code {done.returncode}, not {wanted}:\n{done.stdout}"
        return done.stdout

    def _command(self, block: Block) -> tuple[str, ...]:
        if block.language == "python":
            until = self._programs.index(block) + 1
            return sys.executable, "-c", "\n".join(each.text for each in self._programs[:until])
        lines = [line for line in block.text.splitlines() if not line.startswith("make ")]
        return *SHELL, self._translated("\n".join(lines))

    def _check_output(self, block: Block, shown: str) -> None:
        for line in filter(str.strip, self._translated(block.text).splitlines()):
            parts = (r"\s+".join(map(re.escape, part.split())) for part in line.split("…"))
            pattern = r"^\s*" + r".*".join(parts) + r"\s*$"
            assert re.search(pattern, shown, re.MULTILINE), f"{block.place}: no line\n  {line}\nin:\n{shown}"

    def _translated(self, text: str) -> str:
        for there, here in self._instead.items():
            text = text.replace(there, here)
        return text


class Server:
    """A command that stays up."""

    def __init__(self, command: tuple[str, ...], folder: Path, place: str) -> None:
        self._place = place
        self._output = folder / "results" / "server.log"
        with open(self._output, "w") as output:
            self._process = subprocess.Popen(
                command, cwd=folder, env=_environment(), stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        deadline = time.monotonic() + WAIT_S
        while READY not in self.shown():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"{place}: is not up:\n{self.shown()}")
            time.sleep(0.05)

    def shown(self) -> str:
        """What it has printed so far."""
        return self._output.read_text()

    def stop(self) -> None:
        """Press Ctrl-C and wait; it must end well."""
        os.killpg(self._process.pid, signal.SIGINT)
        code = self._process.wait(WAIT_S)
        assert code == 0, f"{self._place}: exit code {code} after Ctrl-C:\n{self.shown()}"

    def kill(self) -> None:
        """End it, if it has not ended."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def programs_missing(blocks: list[Block]) -> Iterator[str]:
    """Programs besides ours that the blocks use and this machine lacks."""
    text = "\n".join(block.text for block in blocks if block.is_run)
    for name in ("bash", "curl", "jq"):
        if (name == "bash" or re.search(rf"^{name} |\| {name} ", text, re.MULTILINE)) and shutil.which(name) is None:
            yield name


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(SOURCE),
        "COLUMNS": "200",
    }
