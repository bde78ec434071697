"""What a checker found out about an environment."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from polygym.protocol.json import JsonObject

Status: TypeAlias = Literal["ok", "finding", "skipped"]


class Finding(NamedTuple):
    """One line of a report."""

    check: str
    """Name of the check."""
    status: Status
    detail: str
    """What was looked at, what is wrong, or why nothing was looked at."""


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found out about one environment."""

    environment: str
    findings: tuple[Finding, ...]
    """In the order of the checks; a check that found several things has several lines."""

    @property
    def is_ok(self) -> bool:
        """Whether nothing speaks against the environment."""
        return all(finding.status != "finding" for finding in self.findings)

    def problems(self, check: str | None = None) -> list[str]:
        """The details of what speaks against it, of one check or of all."""
        return [
            finding.detail
            for finding in self.findings
            if finding.status == "finding" and (check is None or finding.check == check)
        ]

    def to_json(self) -> JsonObject:
        """For `--json`."""
        findings = [finding._asdict() for finding in self.findings]
        return {"environment": self.environment, "ok": self.is_ok, "findings": findings}

    def __str__(self) -> str:
        lines = (f"{finding.check}: {finding.status}: {finding.detail}" for finding in self.findings)
        return "\n".join([self.environment, *lines])
