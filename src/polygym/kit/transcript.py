"""A rollout as somebody watches it: what the model is asked, what it says and calls, what comes back, how it is scored.

Writes into files what a terminal cannot show: images, and texts of many pages.
"""

import base64
import binascii
import mimetypes
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from polygym.kit.call_lines import call_line
from polygym.kit.signatures import described, shortened
from polygym.protocol.items import TEXT_PARTS, FunctionCall, function_calls, input_items, is_message
from polygym.protocol.json import JsonObject, dumps, dumps_indented
from polygym.protocol.tasks import PARAMS, TOOLS

LONGEST: Final = 20_000
"""Characters from which a text goes into a file."""
_SHOWN: Final = 2_000
"""Characters of it that are shown, from its beginning and from its end."""
_BESIDE_METRICS: Final = frozenset({"reward", "response", "explanation", "reward_components", PARAMS, "rollout_state"})


class Transcript:
    """Shows one rollout, line by line."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._is_empty = True
        self._asked = 0
        """Items that the model was asked at first."""
        self._items_seen = 0
        self._tools_shown: list[JsonObject] = []
        self._names: dict[str, str] = {}
        """Tool by call id."""
        self._folder: Path | None = None
        self._files = 0

    def request(self, params: JsonObject) -> None:
        """Show what the model is asked, as far as that is new."""
        is_first = self._items_seen == 0
        if is_first and params.get("instructions"):
            self._section("instructions", str(params["instructions"]))
        items = input_items(params["input"])
        for item in items[self._items_seen :]:
            if is_first or not _is_models(item):
                self._item(item)
        self._items_seen = len(items)
        self._asked = self._asked or len(items)
        tools = params.get(TOOLS) or []
        if tools != self._tools_shown:
            self.tools(params)
        if is_first and params.get("text"):
            self._section("format of the answer", dumps_indented(params["text"]).decode())

    def tools(self, params: JsonObject) -> None:
        """Show which tools there are."""
        self._tools_shown = params.get(TOOLS) or []
        lines = [line for tool in self._tools_shown for line in described(tool)]
        self._section("tools", "\n".join(lines) or "none")

    def turn(self, items: list[JsonObject], who: str | None) -> None:
        """Show what the model, `who`, says and calls; None when whoever watches knows it."""
        for call in function_calls(items):
            self._names[call.call_id] = call.name
        for item in items if who is not None else ():
            if item.get("type") == "function_call":
                (call,) = function_calls([item])
                self._section(f"{who} calls", _call(call))
            else:
                self._item(item, who)

    def result(self, record: JsonObject, row: JsonObject) -> None:
        """Show what came in at the end, how the rollout was scored, and why."""
        response = record.get("response") or {}
        for item in (response.get("output") or [])[self._items_seen - self._asked :]:
            if not _is_models(item):
                self._item(item)
        lines = [f"reward: {record['reward']:g}"]
        if record.get("explanation"):
            lines.append(f"why: {record['explanation']}")
        lines += [f"component {name}: {value:g}" for name, value in (record.get("reward_components") or {}).items()]
        added = {key: value for key, value in record.items() if key not in row and key not in _BESIDE_METRICS}
        lines += [f"{key}: {shortened(value)}" for key, value in added.items() if not key.startswith(("_ng", "agent"))]
        reason = (response.get("metadata") or {}).get("ng_termination_reason")
        if reason:
            lines.append(f"ended: {reason}")
        self._section("result", "\n".join(lines))

    def _item(self, item: JsonObject, who: str | None = None) -> None:
        kind = item.get("type") or "message"
        if is_message(item):
            self._section(who or str(item["role"]), self._text(item.get("content")))
        elif kind == "function_call_output":
            name = self._names.get(str(item.get("call_id")), "tool")
            self._section(f"{name} answers", self._text(item.get("output")))
        elif kind == "function_call":
            self.turn([item], who or "assistant")
        else:
            self._section(kind, dumps(item).decode())

    def _section(self, title: str, text: str) -> None:
        self._show(f"{'' if self._is_empty else chr(10)}── {title} ──")
        self._is_empty = False
        self._show(printable(self._bounded(text)))

    def _bounded(self, text: str) -> str:
        if len(text) <= LONGEST:
            return text
        file = self._save(text.encode("utf-8", "replace"), ".txt")
        return f"{text[:_SHOWN]}…\n\n[{len(text):,} characters in all: {file}]\n\n…{text[-_SHOWN:]}"

    def _text(self, content: Any) -> str:
        if isinstance(content, str) or content is None:
            return content or ""
        return "\n".join(self._parts(content)) if isinstance(content, list) else dumps(content).decode()

    def _parts(self, parts: list[Any]) -> Iterator[str]:
        for part in parts:
            if not isinstance(part, dict):
                yield str(part)
            elif part.get("type") in TEXT_PARTS:
                yield str(part.get("text") or "")
            else:
                yield f"[{self._media(part)}]"

    def _media(self, part: JsonObject) -> str:
        kind = str(part.get("type")).removeprefix("input_").removeprefix("output_")
        url = part.get("image_url") or part.get("file_data") or part.get("file_url") or part.get("refusal")
        if not isinstance(url, str):
            return f"{kind}: {shortened(part)}"
        head, comma, data = url.partition(",")
        if not (comma and head.startswith("data:") and head.endswith(";base64")):
            return f"{kind}: {url}"
        try:
            content = base64.b64decode(data, validate=True)
        except binascii.Error:
            return f"{kind}: {shortened(url)}"
        suffix = mimetypes.guess_extension(head.removeprefix("data:").partition(";")[0]) or ".bin"
        return f"{kind}: {self._save(content, suffix)}"

    def _save(self, content: bytes, suffix: str) -> Path:
        if self._folder is None:
            self._folder = Path(mkdtemp(prefix="polygym-play-"))
        self._files += 1
        file = self._folder / f"{self._files}{suffix}"
        file.write_bytes(content)
        return file


def printable(text: str) -> str:
    """`text` without what a terminal would act upon, and with nothing that UTF-8 cannot hold."""
    return text.translate(_CONTROLS).encode("utf-8", "replace").decode()


_CONTROLS: Final = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)), "�")


def _is_models(item: JsonObject) -> bool:
    if is_message(item):
        return item.get("role") == "assistant"
    return item.get("type") != "function_call_output"


def _call(call: FunctionCall) -> str:
    return call_line(call.name, call.arguments) if call.is_valid else f"{call.name} {call.arguments_text}"
