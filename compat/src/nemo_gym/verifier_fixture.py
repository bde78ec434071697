"""Cases that pin down a verifier, run on the verifier itself, without a server.

They are: the best and the worst reward, a request it must refuse, and, where it throws dice, a case that must come out
the same twice.
"""

import inspect
import json
import math
import os
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Optional

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

CaseKind = Literal["full_reward", "zero_reward", "malformed", "determinism"]
Invocation = Callable[[Any, Any], object | Awaitable[object]]
NEEDED_KINDS: Final = frozenset({"full_reward", "zero_reward", "malformed"})
DETERMINISMS: Final = frozenset({"seeded", "stochastic", "unknown"})


class VerifierFixtureError(ValueError):
    """Cases that cannot be used, or a verifier that does not behave as they say."""


@dataclass(frozen=True)
class VerifierFixture:
    """How a verifier is made and called, and where its cases are."""

    server_factory: Callable[[], object]
    """Makes a fresh verifier; each observation has its own."""
    request_model: type[BaseModel]
    cases_path: str | Path
    invoke: Optional[Invocation] = None
    """Called with the verifier and the request instead of the verifier's `verify`."""
    reseed: Optional[Invocation] = None
    """Called with the verifier and the request before a case of determinism."""


class VerifierFixtureCase(BaseModel):
    """A request, and the reward or the error it must give."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: str = Field(min_length=1)
    kind: CaseKind
    request: dict[str, Any]
    expected_reward: Optional[Annotated[float, Field(strict=True, allow_inf_nan=False)]] = None
    expected_error: Optional[str] = None
    """Part of the error's text."""

    @model_validator(mode="after")
    def _expects_one_thing(self) -> "VerifierFixtureCase":
        wanted, other = ("expected_error", "expected_reward")
        if self.kind != "malformed":
            wanted, other = other, wanted
        if getattr(self, wanted) in (None, "") or getattr(self, other) is not None:
            raise ValueError(f"a {self.kind} case requires {wanted} and has no {other}")
        return self


@dataclass(frozen=True)
class VerifierFixtureResult:
    """A case that came out as it should."""

    name: str
    kind: CaseKind
    observed_rewards: tuple[float, ...] = ()


def load_verifier_fixture(path: str | Path) -> list[VerifierFixtureCase]:
    """The cases of a JSONL file. Raises VerifierFixtureError naming the line that is wrong."""
    file = Path(path)
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError) as error:
        raise VerifierFixtureError(f"Could not read verifier fixture {file}: {error}") from error
    cases = [_case(line, f"{file}:{number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not cases:
        raise VerifierFixtureError(f"Verifier fixture {file} contains no cases")
    return cases


def _case(line: str, place: str) -> VerifierFixtureCase:
    try:
        return VerifierFixtureCase.model_validate(json.loads(line))
    except json.JSONDecodeError as error:
        raise VerifierFixtureError(f"{place}: Invalid JSON: {error.msg}") from error
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        raise VerifierFixtureError(f"{place}: {'; '.join(problem['msg'] for problem in problems)}") from error


@dataclass(frozen=True)
class _Bounds:
    """Which rewards there may be, and which of them are the best and the worst."""

    lower: float
    upper: float
    is_higher_better: bool

    def check(self, case: VerifierFixtureCase, reward: float) -> None:
        if not self.lower <= reward <= self.upper:
            raise VerifierFixtureError(
                f"Case {case.name!r} gave {reward}, which is outside declared range [{self.lower}, {self.upper}]"
            )
        if case.kind in {"full_reward", "zero_reward"}:
            is_upper = (case.kind == "full_reward") == self.is_higher_better
            end = self.upper if is_upper else self.lower
            if reward != end:
                name = "upper" if is_upper else "lower"
                raise VerifierFixtureError(
                    f"Case {case.name!r} ({case.kind}) does not pin the {name} endpoint: expected {end}, got {reward}"
                )


def _bounds(reward_range: Sequence[float], higher_is_better: object) -> _Bounds:
    if len(reward_range) != 2:
        raise VerifierFixtureError("reward_range must have exactly two endpoints")
    if any(isinstance(end, bool) or not isinstance(end, int | float) or not math.isfinite(end) for end in reward_range):
        raise VerifierFixtureError("The endpoints of reward_range must be finite numbers")
    lower, upper = map(float, reward_range)
    if lower >= upper:
        raise VerifierFixtureError("reward_range needs lower < upper")
    if not isinstance(higher_is_better, bool):
        raise VerifierFixtureError("higher_is_better must be a boolean")
    return _Bounds(lower, upper, higher_is_better)


async def exercise_verifier_fixture(
    fixture: VerifierFixture,
    *,
    reward_range: Sequence[float],
    higher_is_better: bool = True,
    determinism: str | Enum,
    update_expected: bool = False,
) -> tuple[VerifierFixtureResult, ...]:
    """Run all cases. Raises VerifierFixtureError at the first that comes out otherwise.

    With `update_expected`, observed rewards replace the expected ones in the file, if everything else is in order.
    """
    path = Path(fixture.cases_path)
    cases = load_verifier_fixture(path)
    bounds = _bounds(reward_range, higher_is_better)
    kind = str(determinism.value if isinstance(determinism, Enum) else determinism)
    if kind not in DETERMINISMS:
        raise VerifierFixtureError(f"Unsupported determinism {kind!r}; there is: {', '.join(sorted(DETERMINISMS))}")
    is_seeded = kind == "seeded"
    needed = NEEDED_KINDS | ({"determinism"} if is_seeded else set())
    if missing := sorted(needed - {case.kind for case in cases}):
        raise VerifierFixtureError(f"{path}: missing required cases: {', '.join(missing)}")
    results: list[VerifierFixtureResult] = []
    updated: list[VerifierFixtureCase] = []
    for case in cases:
        rewards: tuple[float, ...] = ()
        if case.kind == "malformed":
            await _expect_error(fixture, case)
        elif case.kind != "determinism" or is_seeded:
            rewards = await _rewards(fixture, case, bounds)
            if not update_expected and rewards[0] != case.expected_reward:
                raise VerifierFixtureError(
                    f"Case {case.name!r}: reward mismatch: expected {case.expected_reward}, got {rewards[0]}"
                )
        else:
            updated.append(case)
            continue
        results.append(VerifierFixtureResult(case.name, case.kind, rewards))
        updated.append(case.model_copy(update={"expected_reward": rewards[0]}) if rewards else case)
    if update_expected and updated != cases:
        _write(path, updated)
    return tuple(results)


async def _rewards(fixture: VerifierFixture, case: VerifierFixtureCase, bounds: _Bounds) -> tuple[float, ...]:
    try:
        rewards = [await _observe(fixture, case)]
        bounds.check(case, rewards[0])
        if case.kind == "determinism":
            rewards.append(await _observe(fixture, case))
    except VerifierFixtureError:
        raise
    except Exception as error:
        raise VerifierFixtureError(f"Case {case.name!r} failed: {error}") from error
    if len(set(rewards)) > 1:
        raise VerifierFixtureError(f"Case {case.name!r} changed on a fresh server: {rewards[0]}, then {rewards[1]}")
    return tuple(rewards)


async def _expect_error(fixture: VerifierFixture, case: VerifierFixtureCase) -> None:
    try:
        await _observe(fixture, case)
    except VerifierFixtureError:
        raise
    except Exception as error:
        if (case.expected_error or "") not in str(error):
            raise VerifierFixtureError(
                f"Case {case.name!r}: its error did not contain {case.expected_error!r}: {error}"
            ) from error
    else:
        raise VerifierFixtureError(f"Case {case.name!r} did not raise an error, and is malformed")


async def _observe(fixture: VerifierFixture, case: VerifierFixtureCase) -> float:
    """The reward that a fresh verifier gives. What the verifier raises is raised."""
    try:
        server: Any = fixture.server_factory()
    except Exception as error:
        raise VerifierFixtureError(f"Case {case.name!r}: could not create a fresh server: {error}") from error
    request = fixture.request_model.model_validate(case.request)
    if case.kind == "determinism":
        if fixture.reseed is None:
            raise VerifierFixtureError(f"Case {case.name!r} requires a reseed adapter")
        await _awaited(fixture.reseed(server, request))
    if fixture.invoke is not None:
        result = await _awaited(fixture.invoke(server, request))
    elif callable(verify := getattr(server, "verify", None)):
        result = await _awaited(verify(request))
    else:
        raise VerifierFixtureError("server_factory gave something without a callable verify")
    reward = result.get("reward") if isinstance(result, Mapping) else getattr(result, "reward", result)
    if isinstance(reward, bool) or not isinstance(reward, int | float) or not math.isfinite(reward):
        raise VerifierFixtureError(f"Case {case.name!r} gave a missing or non-finite reward: {reward!r}")
    return float(reward)


async def _awaited(result: Any) -> Any:
    return await result if inspect.isawaitable(result) else result


def _write(path: Path, cases: Sequence[VerifierFixtureCase]) -> None:
    """Replace the file as a whole, or not at all."""
    if path.is_symlink() or not path.is_file():
        raise VerifierFixtureError(f"{path} is no regular file, and is left as it is")
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.writelines(
                json.dumps(case.model_dump(mode="json", exclude_none=True), sort_keys=True) + "\n" for case in cases
            )
        temporary.chmod(path.stat().st_mode & 0o777)
        temporary.replace(path)
    except OSError as error:
        raise VerifierFixtureError(f"Could not update verifier fixture {path}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)
