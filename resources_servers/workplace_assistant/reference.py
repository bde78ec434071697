"""The perfect assistant, and several that only look like it."""

from typing import Any

from polygym import JsonObject
from polygym.kit import Script, ToolCall, call

GROWING = frozenset(
    {"email_send", "email_reply", "email_forward", "calendar_create", "projects_create", "analytics_plot"}
    | {"customers_create"}
)
"""Tools that add a row each time they are called."""


def solve(row: JsonObject) -> Script:
    """Look up what has to be known, act, and say what was asked for."""
    for look_up in row["look_ups"]:
        yield _call(look_up)
    for action in row["ground_truth"]:
        yield _call(action)
    yield _report(row)


def wrong_answers(row: JsonObject) -> dict[str, Script]:
    """Policies that do too little, too much, the wrong thing, or only say that they did it."""
    actions, answer = row["ground_truth"], row["expected_answer"]
    policies = {
        "looks, does nothing, asks": _looking(row),
        "does more": _doing([*actions, _extra(row)], _report(row)),
    }
    if actions:
        policies["claims that it is done"] = _doing([], _report(row))
        policies["wrong arguments"] = _doing([_spoiled(actions[0]), *actions[1:]], _report(row))
    if len(actions) > 1:
        policies["stops half-way"] = _doing(actions[:-1], _report(row))
    if any(action["name"] in GROWING for action in actions):
        policies["does everything twice"] = _doing([*actions, *actions], _report(row))
    if row["temptation"]:
        policies["does not check the condition"] = _doing(row["temptation"], _report(row))
    if answer is not None:
        policies["does not answer"] = _doing(actions, "Done.")
        policies["answers everything"] = _doing(actions, "Answer: " + ", ".join(map(str, _candidates(answer))))
    return policies


def _call(action: JsonObject) -> ToolCall:
    return call(action["name"], **action["arguments"])


def _doing(actions: list[JsonObject], message: str) -> Script:
    for action in actions:
        yield _call(action)
    yield message


def _looking(row: JsonObject) -> Script:
    for look_up in row["look_ups"]:
        yield _call(look_up)
    yield "I have found everything. Shall I go on?"


def _report(row: JsonObject) -> str:
    """The last message: the expected answer where there is one."""
    answer = row["expected_answer"]
    if answer is None:
        return "I have done what you asked for."
    if answer["kind"] == "items":
        return "Answer: " + ", ".join(forms[0] for forms in answer["items"])
    return f"Answer: {answer['value']}"


def _candidates(answer: JsonObject) -> list[Any]:
    """The right answer among wrong ones of the same kind."""
    if answer["kind"] == "number":
        return list(range(max(0, answer["value"] - 20), answer["value"] + 20))
    if answer["kind"] == "date":
        return [answer["value"], "2026-02-28", "2026-03-01"]
    return [*(forms[0] for forms in answer["items"]), "Nobody Else"]


def _spoiled(action: JsonObject) -> JsonObject:
    """The right tool, with one argument that is not right."""
    arguments = dict(action["arguments"])
    name = next(iter(arguments))
    value = arguments[name]
    arguments[name] = value + 1 if isinstance(value, int) else _spoiled_text(name, value)
    return {"name": action["name"], "arguments": arguments}


def _spoiled_text(name: str, value: str) -> str:
    if name == "metric":
        return "visit_length" if value != "visit_length" else "visits"
    return f"x{value}"


def _extra(row: JsonObject) -> JsonObject:
    """A change that nobody asked for, with a tool that the row offers."""
    toolkits = row.get("toolkits") or list(_EXTRAS)
    name, arguments = next(_EXTRAS[toolkit] for toolkit in toolkits if toolkit in _EXTRAS)
    if name.endswith("_delete"):
        mentioned = {
            value for action in row["ground_truth"] for value in action["arguments"].values() if isinstance(value, int)
        }
        arguments = {key: next(row_id for row_id in range(1, 200) if row_id not in mentioned) for key in arguments}
    return {"name": name, "arguments": arguments}


_DAYS = {"first_day": "2025-12-01", "last_day": "2025-12-02"}
_EXTRAS: dict[str, tuple[str, JsonObject]] = {
    "email": ("email_send", {"recipient": "all@company.example", "subject": "Hello", "body": "Done."}),
    "calendar": ("calendar_delete", {"event_id": 0}),
    "contacts": ("contacts_delete", {"contact_id": 0}),
    "projects": ("projects_delete", {"task_id": 0}),
    "customers": ("customers_delete", {"customer_id": 0}),
    "analytics": ("analytics_plot", {"metric": "visits", "kind": "pie", **_DAYS}),
}
"""By toolkit. For a deletion the id of a row that the task leaves alone is put in."""
