"""The workplace assistant: a company's mail, calendar, address books, boards, customers and figures, and 36 tools.

Scored by what the tools have left behind: the session's database is compared with one on which the row's reference
actions were carried out.
"""

from collections.abc import Iterable
from functools import cached_property

from polygym import ResourcesServer, RolloutView, Session, Tool, Verification
from resources_servers.workplace_assistant.company import Company
from resources_servers.workplace_assistant.database import Content, Database, Image
from resources_servers.workplace_assistant.task import Desk, WorkplaceTask
from resources_servers.workplace_assistant.toolkits.analytics import AnalyticsTools
from resources_servers.workplace_assistant.toolkits.calendar import CalendarTools
from resources_servers.workplace_assistant.toolkits.contacts import ContactTools
from resources_servers.workplace_assistant.toolkits.customers import CustomerTools
from resources_servers.workplace_assistant.toolkits.directory import DirectoryTools
from resources_servers.workplace_assistant.toolkits.email import EmailTools
from resources_servers.workplace_assistant.toolkits.projects import ProjectTools


class WorkplaceServer(
    EmailTools,
    CalendarTools,
    DirectoryTools,
    ContactTools,
    ProjectTools,
    CustomerTools,
    AnalyticsTools,
    ResourcesServer[WorkplaceTask, Database],
):
    """One image of each company that rows have asked for, one database for each session."""

    @cached_property
    def _images(self) -> dict[int, Image]:
        return {}

    async def stop(self) -> None:
        """Let go of the images."""
        while self._images:
            self._images.popitem()[1].close()

    @property
    def open_databases(self) -> int:
        """Databases that are open now: one for each session that is not closed."""
        return sum(image.open_databases for image in self._images.values())

    def seed_session(self, session: Desk) -> None:
        """Give the session the company's tables as they are in the morning."""
        session.state.open(self._image(session.task.company))

    def offered_tools(self, session: Desk) -> Iterable[Tool]:
        """The tools of the row's toolkits, or all of them."""
        toolkits = session.task.toolkits
        return [
            offered for offered in self.tools.values() if toolkits is None or offered.name.split("_")[0] in toolkits
        ]

    async def verify(self, rollout: RolloutView, session: Desk) -> Verification:
        """1.0 when exactly what was asked for has changed, and the answer, if one was asked for, is right; else 0.0."""
        made = session.state.changes()
        wanted = await self._wanted_changes(session.task)
        missing = _beyond(wanted, made)
        unwanted = _beyond(made, wanted)
        expected = session.task.expected_answer
        components = {"state": float(made == wanted)}
        if expected is not None:
            components["answer"] = float(expected.is_given_by(rollout.final_text))
        return Verification(
            reward=min(components.values()),
            components=components,
            fields={"missing_rows": sum(missing.values()), "unwanted_rows": sum(unwanted.values())},
            explanation=_explain(missing, unwanted, components),
        )

    def close_session(self, session: Desk) -> None:
        """Close the session's database."""
        session.state.close()

    async def _wanted_changes(self, task: WorkplaceTask) -> dict[Content, int]:
        """What the row's reference actions change in a fresh database. Raises ValueError when one does not work."""
        reference = Session(rollout_id="reference", task=task, state=Database())
        try:
            reference.state.open(self._image(task.company))
            for action in task.ground_truth:
                result = await self.call_tool(action.name, action.arguments, reference)
                if result.is_error:
                    raise ValueError(f"reference action {action.name}({action.arguments}): {result.output}")
            return reference.state.changes()
        finally:
            reference.state.close()

    def _image(self, company: int) -> Image:
        if company not in self._images:
            self._images[company] = Image(Company(company))
        return self._images[company]


def _beyond(these: dict[Content, int], those: dict[Content, int]) -> dict[Content, int]:
    """How many more of each content there are in `these` than in `those`."""
    counts = {content: these.get(content, 0) - those.get(content, 0) for content in {**these, **those}}
    return {content: count for content, count in counts.items() if count > 0}


def _explain(missing: dict[Content, int], unwanted: dict[Content, int], components: dict[str, float]) -> str:
    """What is wrong, a sentence each; of missing and of unwanted rows the first three."""
    sentences = [f"Missing in {_show(content)}." for content in list(missing)[:3]]
    sentences += [f"Not wanted in {_show(content)}." for content in list(unwanted)[:3]]
    if components.get("answer") == 0.0:
        sentences.append("The answer is not the expected one.")
    return " ".join(sentences) or "As asked."


def _show(content: Content) -> str:
    return f"{content.table}: {', '.join(value[:60] for value in content.values)}"
