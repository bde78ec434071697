"""Write the table of docs/compatibility.md from the results of compatibility runs.

    python compat/table.py RESULT.json [...] [--real RESULT.json ...] --python PYTHON --revision REVISION > TABLE.md

A result is what the compatibility harness writes with `--out`; later ones go over earlier ones, server by server. Those
of `--real` were made with the real package: what its baseline does not know is compared with them, and servers that do
not pass with it are named, not counted.
"""

import argparse
import datetime
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PACKAGES = ("polygym", "polygym-nemo", "fastapi", "starlette", "pydantic", "openai", "aiohttp")


def read(paths: list[Path]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Test results and replays by server."""
    tests: dict[str, Any] = {}
    replays: dict[str, Any] = {}
    for path in paths:
        result = json.loads(path.read_text())
        tests |= result.get("tests", {})
        replays |= result.get("replay", {}).get("servers", {})
    return tests, replays


def compare(tests: dict[str, Any], real: dict[str, Any]) -> list[str]:
    """Say of each result whether it is as good as with the real package; servers that do not pass with that one."""
    left_out = []
    for server, result in tests.items():
        if server in real and not result["baseline_passed"]:
            is_good = real[server]["passed"] and not (real[server]["failed"] or real[server]["errors"])
            result["baseline_passed"] = real[server]["passed"]
            result["ok"] = (
                result["passed"] >= result["baseline_passed"] and not result["failed"] and not result["errors"]
            )
            if not is_good:
                left_out.append(server)
    return left_out


def versions(python: str) -> str:
    """Versions of the interpreter and of the packages that matter, as one line."""
    code = (
        "import sys, importlib.metadata as m\n"
        "print('Python', sys.version.split()[0], *(f', {name} {m.version(name)}' for name in sys.argv[1:]), sep=' ')"
    )
    done = subprocess.run([python, "-c", code, *PACKAGES], capture_output=True, text=True, check=True)
    return done.stdout.strip().replace(" ,", ",")


def table(tests: dict[str, Any], replays: dict[str, Any]) -> list[str]:
    """The table's lines."""
    lines = ["| server | runs | tests | rewards |", "|---|---|---|---|"]
    for server in sorted(tests.keys() | replays.keys()):
        result, replay = tests.get(server), replays.get(server)
        passed = f"{result['passed']} of {max(result['baseline_passed'], result['passed'])}" if result else "-"
        rewards = (
            f"{replay['matched']} of {replay['matched'] + replay['mismatched']}"
            if replay and replay.get("rows")
            else "-"
        )
        lines.append(f"| {server} | {'yes' if not result or result['ok'] else 'no'} | {passed} | {rewards} |")
    return lines


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", type=Path)
    parser.add_argument("--real", nargs="*", type=Path, default=[])
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--revision", default="unknown")
    given = parser.parse_args()
    tests, replays = read(given.results)
    left_out = compare(tests, read(given.real)[0])
    for server in left_out:
        del tests[server]
        replays.pop(server, None)
    done = sum(result["ok"] for result in tests.values())
    today = datetime.datetime.now(datetime.UTC).date()
    head = f"{today}, NeMo Gym's sources at {given.revision}, {versions(given.python)}."
    passed = sum(result["passed"] for result in tests.values())
    summary = f"{done} of {len(tests)} servers pass their own tests, {passed} in all."
    named = f"Not counted, as they do not pass with the real package here, either: {', '.join(sorted(left_out))}."
    lines = [head, "", summary, "", *table(tests, replays), *(["", named] if left_out else [])]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
