"""Visits to the company's website. Nothing in it can be changed; charts can be asked for."""

from datetime import date, timedelta
from typing import Annotated, Literal, TypeAlias

from polygym import JsonObject, ToolError, tool
from resources_servers.workplace_assistant.task import Desk

Source: TypeAlias = Literal["direct", "newsletter", "referral", "search", "social"]
Metric: TypeAlias = Literal["visits", "engaged_visits", "visit_length"]
Chart: TypeAlias = Literal["bar", "line", "pie"]
FirstDay: TypeAlias = Annotated[date, "First day of the period (YYYY-MM-DD)."]
LastDay: TypeAlias = Annotated[date, "Last day of the period (YYYY-MM-DD), included."]
From: TypeAlias = Annotated[Source | None, "Only visits that came from there; all when left out."]

MOST_DAYS = 31
"""Days that `analytics_daily` shows at once."""


class AnalyticsTools:
    """Figures of the website, by day and by source."""

    @tool
    def analytics_sources(self, session: Desk) -> JsonObject:
        """Where visits come from, and the first and the last day for which there are figures."""
        known = session.state.query("SELECT DISTINCT source FROM visits ORDER BY source")
        days = session.state.query("SELECT min(day) AS first_day, max(day) AS last_day FROM visits")
        return {"sources": [row["source"] for row in known], **days[0]}

    @tool
    def analytics_visits(
        self, session: Desk, first_day: FirstDay, last_day: LastDay, source: From = None
    ) -> JsonObject:
        """How many visits there were in a period."""
        return _total(session, "sum(visits)", first_day, last_day, source)

    @tool
    def analytics_engaged(
        self, session: Desk, first_day: FirstDay, last_day: LastDay, source: From = None
    ) -> JsonObject:
        """How many visits there were in a period in which the visitor did something."""
        return _total(session, "sum(engaged)", first_day, last_day, source)

    @tool
    def analytics_visit_length(
        self, session: Desk, first_day: FirstDay, last_day: LastDay, source: From = None
    ) -> JsonObject:
        """Average length of the visits of a period, in whole seconds."""
        average = "CAST(round(sum(seconds * visits) * 1.0 / sum(visits)) AS INTEGER)"
        return _total(session, average, first_day, last_day, source)

    @tool
    def analytics_daily(
        self, session: Desk, first_day: FirstDay, last_day: LastDay, source: From = None
    ) -> list[JsonObject]:
        """Visits and engaged visits of each day of a period of 31 days at most."""
        _check_period(session, first_day, last_day)
        if last_day - first_day >= timedelta(days=MOST_DAYS):
            raise ToolError(f"That is more than {MOST_DAYS} days; ask for fewer at once.")
        condition, parameters = _period(first_day, last_day, source)
        selected = "SELECT day, sum(visits) AS visits, sum(engaged) AS engaged_visits FROM visits"
        return session.state.query(f"{selected} WHERE {condition} GROUP BY day ORDER BY day", *parameters)

    @tool
    def analytics_plot(
        self, session: Desk, metric: Metric, kind: Chart, first_day: FirstDay, last_day: LastDay
    ) -> JsonObject:
        """Have a chart made and put into the user's reports."""
        _check_period(session, first_day, last_day)
        days = {"first_day": first_day.isoformat(), "last_day": last_day.isoformat()}
        plot_id = session.state.insert("plots", metric=metric, kind=kind, **days)
        return {"id": plot_id, "file": f"{metric}-{kind}-{plot_id}.png"}


def _total(session: Desk, expression: str, first_day: date, last_day: date, source: Source | None) -> JsonObject:
    """`{first_day, last_day, total, by_source}` of an SQL aggregate."""
    _check_period(session, first_day, last_day)
    condition, parameters = _period(first_day, last_day, source)
    total = session.state.query(f"SELECT {expression} AS n FROM visits WHERE {condition}", *parameters)
    by_source = session.state.query(
        f"SELECT source, {expression} AS n FROM visits WHERE {condition} GROUP BY source ORDER BY source", *parameters
    )
    return {
        "first_day": first_day.isoformat(),
        "last_day": last_day.isoformat(),
        "total": total[0]["n"],
        "by_source": {row["source"]: row["n"] for row in by_source},
    }


def _period(first_day: date, last_day: date, source: Source | None) -> tuple[str, list[str]]:
    """An SQL condition and its parameters."""
    days = [first_day.isoformat(), last_day.isoformat()]
    return ("day BETWEEN ? AND ?", days) if source is None else ("day BETWEEN ? AND ? AND source = ?", [*days, source])


def _check_period(session: Desk, first_day: date, last_day: date) -> None:
    """Raises ToolError when there are no figures for all of the days."""
    if first_day > last_day:
        raise ToolError(f"The period begins on {first_day} and would end before that, on {last_day}.")
    known = session.state.query("SELECT min(day) AS first_day, max(day) AS last_day FROM visits")[0]
    if first_day.isoformat() < known["first_day"] or last_day.isoformat() > known["last_day"]:
        raise ToolError(f"There are figures from {known['first_day']} to {known['last_day']} only.")
