"""A person in place of the model: sees what the model would see, types what it would say.

Knows neither terminal nor pipe: `read` gives a line, `show` takes one.
"""

from collections.abc import Callable, Mapping
from typing import Final

from polygym.kit.call_lines import CallLineError, read_call
from polygym.kit.scripted_model import Playing
from polygym.kit.scripts import Part, Script, ScriptError, ToolCall, items_of
from polygym.kit.transcript import Transcript
from polygym.protocol.errors import suggest
from polygym.protocol.json import JsonObject
from polygym.protocol.tasks import TOOLS

HELP: Final = """\
What you type is the model's turn.
  TOOL key=value …     call a tool; also TOOL {"key": value} and TOOL(key=value, …). Values with blanks go into quotes
  TOOL key=value … &   the same, and another call in the same turn: on the next line
  any other text       answer
  \"\"\"                  begin and end an answer of several lines
  /say TEXT            answer, although it looks like a call
  /call TOOL TEXT      call a tool by any name, with arguments that are sent as they are
  /nothing             say nothing at all
  /tools, /help        show the tools, or this, again
  /quit                leave; nothing is scored"""

_SIGN: Final = " &"
_QUOTES: Final = '"""'
_COMMANDS: Final = ("/say", "/call", "/nothing", "/tools", "/help", "/quit")


class PersonLeftError(ScriptError):
    """The person does not want to go on."""


class InputEndedError(PersonLeftError):
    """No more lines come."""


class Person(Playing):
    """A policy whose turns somebody types."""

    def __init__(self, read: Callable[[str], str], show: Callable[[str], None]) -> None:
        """Set it up; `read` is given a prompt and raises EOFError or KeyboardInterrupt when nothing more comes."""
        super().__init__(())
        self.transcript = Transcript(show)
        self._read = read
        self._show = show
        self._number = 0

    def answer(self, params: JsonObject) -> list[JsonObject]:
        """The output items of the turn that is typed. Raises PersonLeftError, InputEndedError."""
        self.transcript.request(params)
        if not self._number:
            self._show("(/help says what can be typed.)")
        try:
            turn = self._turn(params)
        except PersonLeftError as error:
            self.error = error
            raise
        self._number += 1
        items = items_of(turn, self._number)
        self.transcript.turn(items, who=None)
        return items

    def _turn(self, params: JsonObject) -> list[Part]:
        """What is typed up to the end of the turn."""
        tools: dict[str, JsonObject] = {
            str(tool.get("name")): tool.get("parameters") or {} for tool in params.get(TOOLS) or ()
        }
        turn: list[Part] = []
        while True:
            line = self._line("… " if turn else "> ")
            if not line.strip():
                continue
            try:
                parts = self._command(line, params) if line.startswith("/") else self._said(line, tools)
            except CallLineError as error:
                self._show(f"Not sent: {error}. To answer with this text: /say {line.strip()}")
                continue
            if parts is not None:
                turn += parts
                if not (parts and isinstance(parts[-1], ToolCall) and _goes_on(line)):
                    return turn

    def _said(self, line: str, tools: Mapping[str, JsonObject]) -> list[Part]:
        """The call or the answer that a line makes. Raises CallLineError."""
        call = read_call(_without_sign(line), tools)
        return [self._text(line) if call is None else call]

    def _line(self, prompt: str) -> str:
        try:
            return self._read(prompt)
        except EOFError as error:
            raise InputEndedError("the input has ended before the rollout has") from error
        except KeyboardInterrupt as error:
            raise PersonLeftError("you have left") from error

    def _command(self, line: str, params: JsonObject) -> list[Part] | None:
        """What a line with a slash says; None when it only asks for something to be shown. Raises CallLineError."""
        command, _, rest = line.strip().partition(" ")
        match command:
            case "/say":
                return [rest]
            case "/call":
                name, _, arguments = _without_sign(rest).strip().partition(" ")
                return [ToolCall(name, arguments)]
            case "/nothing":
                return []
            case "/tools":
                self.transcript.tools(params)
            case "/quit":
                raise PersonLeftError("you have left")
            case "/help":
                self._show(HELP)
            case _:
                raise CallLineError(f"there is no command {command}. {suggest(command, _COMMANDS)}")
        return None

    def _text(self, first: str) -> str:
        """An answer: the line, or all lines up to the one that ends what `first` begins."""
        if not first.lstrip().startswith(_QUOTES):
            return first
        text = first.lstrip().removeprefix(_QUOTES)
        lines = [text] if text else []
        while not (lines and lines[-1].rstrip().endswith(_QUOTES)):
            lines.append(self._line("… "))
        lines[-1] = lines[-1].rstrip().removesuffix(_QUOTES)
        return "\n".join(lines if lines[-1] else lines[:-1])


class Watched(Playing):
    """A script whose rollout is shown while it is played."""

    def __init__(self, script: Script, who: str, show: Callable[[str], None]) -> None:
        super().__init__(script)
        self.transcript = Transcript(show)
        self._who = who

    def answer(self, params: JsonObject) -> list[JsonObject]:
        """The output items of the next turn. Raises ScriptError."""
        self.transcript.request(params)
        items = super().answer(params)
        self.transcript.turn(items, self._who)
        return items


def _goes_on(line: str) -> bool:
    """Whether another call of the same turn follows."""
    return line.rstrip().endswith(_SIGN)


def _without_sign(line: str) -> str:
    return line.rstrip().removesuffix(_SIGN)
