"""The company's project boards and the tasks on them."""

from datetime import date
from typing import Annotated, Literal, TypeAlias

from polygym import JsonObject, tool
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
    check_colleague,
    found,
    settings,
)

Board: TypeAlias = Literal["Back office", "Data platform", "Mobile app", "Website"]
Stage: TypeAlias = Literal["Backlog", "In progress", "In review", "Done"]


class ProjectTools:
    """Find, make, change and remove tasks."""

    @tool
    def projects_boards(self, session: Desk) -> list[JsonObject]:
        """The boards, their stages, and how many tasks are in each."""
        counted = "SELECT board, stage, count(*) AS tasks FROM tasks GROUP BY board, stage ORDER BY board, stage"
        return session.state.query(counted)

    @tool
    def projects_search(
        self,
        session: Desk,
        query: Words = "",
        assignee: Annotated[Address | None, "Only tasks of the colleague with this address."] = None,
        board: Board | None = None,
        stage: Stage | None = None,
        due_from: FromDay = None,
        due_until: UntilDay = None,
        page: Page = 1,
    ) -> JsonObject:
        """Find tasks by words of their title, the one that is due first at the top."""
        search = Search("*", "tasks")
        search.words(query, "title")
        search.where("assignee = ?", assignee)
        search.where("board = ?", board)
        search.where("stage = ?", stage)
        search.where("due >= ?", due_from)
        search.where("due <= ?", due_until)
        return search.page(session.state, page, order="due, id")

    @tool
    def projects_read(self, session: Desk, task_id: Id) -> JsonObject:
        """Look at one task."""
        return found(session, "tasks", task_id)

    @tool
    def projects_create(
        self,
        session: Desk,
        title: Line,
        assignee: Annotated[Address, "Address of the colleague who is to do it."],
        board: Board,
        due: Annotated[date, "Day by which it is to be done (YYYY-MM-DD)."],
        stage: Stage = "Backlog",
    ) -> JsonObject:
        """Put a task on a board."""
        check_colleague(session, assignee)
        task_id = session.state.insert(
            "tasks", title=title, assignee=assignee, board=board, stage=stage, due=due.isoformat()
        )
        return found(session, "tasks", task_id)

    @tool
    def projects_update(
        self,
        session: Desk,
        task_id: Id,
        title: Line | None = None,
        assignee: Annotated[Address | None, "Address of the colleague who is to do it."] = None,
        board: Board | None = None,
        stage: Stage | None = None,
        due: Annotated[date | None, "Day by which it is to be done (YYYY-MM-DD)."] = None,
    ) -> JsonObject:
        """Change a task. What is left out stays as it is."""
        found(session, "tasks", task_id)
        if assignee is not None:
            check_colleague(session, assignee)
        chosen = settings(title=title, assignee=assignee, board=board, stage=stage, due=due)
        session.state.update("tasks", task_id, **chosen)
        return found(session, "tasks", task_id)

    @tool
    def projects_delete(self, session: Desk, task_id: Id) -> JsonObject:
        """Remove a task from its board."""
        found(session, "tasks", task_id)
        session.state.delete("tasks", task_id)
        return {"id": task_id, "deleted": True}
