"""The user's calendar."""

from datetime import date, datetime
from typing import Annotated, TypeAlias

from pydantic import Field

from polygym import JsonObject, tool
from resources_servers.workplace_assistant.company import WORKDAY
from resources_servers.workplace_assistant.task import Desk
from resources_servers.workplace_assistant.toolkits.arguments import (
    Address,
    FromDay,
    Id,
    Line,
    Page,
    Search,
    UntilDay,
    Words,
    found,
    settings,
    stored,
)

Minutes: TypeAlias = Annotated[int, Field(ge=5, le=720)]
Guests: TypeAlias = Annotated[list[Address], Field(max_length=30)]


class CalendarTools:
    """Find, make, move and cancel events."""

    @tool
    def calendar_search(
        self,
        session: Desk,
        query: Words = "",
        participant: Annotated[Address | None, "Only events that somebody with this address takes part in."] = None,
        first_day: FromDay = None,
        last_day: UntilDay = None,
        page: Page = 1,
    ) -> JsonObject:
        """Find events by words of their title, earliest first."""
        search = Search("*", "events")
        search.words(query, "title")
        search.where("instr(' ' || participants || ',', ?) > 0", participant and f" {participant},")
        search.where("substr(start, 1, 10) >= ?", first_day)
        search.where("substr(start, 1, 10) <= ?", last_day)
        answer = search.page(session.state, page, order="start, id")
        return {**answer, "results": [_shown(event) for event in answer["results"]]}

    @tool
    def calendar_read(self, session: Desk, event_id: Id) -> JsonObject:
        """Look at one event."""
        return _shown(found(session, "events", event_id))

    @tool
    def calendar_free(
        self,
        session: Desk,
        day: date,
        minutes: Annotated[Minutes, "Leave out gaps that are shorter than this."] = 60,
    ) -> JsonObject:
        """The times between 09:00 and 18:00 of a day (YYYY-MM-DD) at which nothing is in the calendar."""
        timed = "SELECT start, minutes FROM events WHERE substr(start, 1, 10) = ? ORDER BY start, id"
        free_from, end = (60 * hour for hour in WORKDAY)
        gaps: list[JsonObject] = []
        for event in session.state.query(timed, day.isoformat()):
            start = _minute_of(event["start"])
            _note_gap(gaps, free_from, min(start, end), minutes)
            free_from = max(free_from, start + event["minutes"])
        _note_gap(gaps, free_from, end, minutes)
        return {"day": day.isoformat(), "free": gaps}

    @tool
    def calendar_create(
        self,
        session: Desk,
        title: Line,
        start: Annotated[datetime, "When it begins (YYYY-MM-DD HH:MM)."],
        minutes: Annotated[Minutes, "How long it takes."],
        participants: Annotated[Guests, "Addresses of the others who take part; the user always does. May be empty."],
    ) -> JsonObject:
        """Put an event into the calendar."""
        guests = _joined(participants)
        event_id = session.state.insert(
            "events", title=title, participants=guests, start=stored(start), minutes=minutes
        )
        return _shown(found(session, "events", event_id))

    @tool
    def calendar_update(
        self,
        session: Desk,
        event_id: Id,
        title: Line | None = None,
        start: Annotated[datetime | None, "When it begins (YYYY-MM-DD HH:MM)."] = None,
        minutes: Annotated[Minutes | None, "How long it takes."] = None,
        participants: Annotated[
            Guests | None, "Addresses of all others who take part; replaces those of before."
        ] = None,
    ) -> JsonObject:
        """Change an event. What is left out stays as it is."""
        found(session, "events", event_id)
        guests = None if participants is None else _joined(participants)
        chosen = settings(title=title, start=start, minutes=minutes, participants=guests)
        session.state.update("events", event_id, **chosen)
        return _shown(found(session, "events", event_id))

    @tool
    def calendar_delete(self, session: Desk, event_id: Id) -> JsonObject:
        """Cancel an event."""
        found(session, "events", event_id)
        session.state.delete("events", event_id)
        return {"id": event_id, "deleted": True}


def _shown(event: JsonObject) -> JsonObject:
    """An event as the model sees it, with a list of participants."""
    return {**event, "participants": event["participants"].split(", ") if event["participants"] else []}


def _joined(participants: list[str]) -> str:
    """Participants as the database holds them; who is named twice takes part once."""
    return ", ".join(sorted(set(participants)))


def _minute_of(moment: str) -> int:
    """Minutes from midnight to a point in time."""
    return 60 * int(moment[11:13]) + int(moment[14:16])


def _note_gap(gaps: list[JsonObject], start: int, end: int, shortest: int) -> None:
    """Add a gap, from and until minutes of the day, if it is long enough."""
    if end - start >= shortest:
        first, last = (f"{minute // 60:02}:{minute % 60:02}" for minute in (start, end))
        gaps.append({"from": first, "until": last})
