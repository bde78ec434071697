"""The company's directory: who works there. Nothing in it can be changed."""

from typing import Literal, TypeAlias

from polygym import JsonObject, tool
from resources_servers.workplace_assistant.task import Desk
from resources_servers.workplace_assistant.toolkits.arguments import Page, Search, Words

Team: TypeAlias = Literal["Design", "Engineering", "Finance", "Marketing", "Operations", "Sales", "Support"]


class DirectoryTools:
    """Find colleagues."""

    @tool
    def directory_find(self, session: Desk, query: Words = "", page: Page = 1) -> JsonObject:
        """Find colleagues by words of their name, address, team or role."""
        search = Search("name, email, team, role, phone", "people")
        search.words(query, "name", "email", "role")
        return search.page(session.state, page, order="name")

    @tool
    def directory_team(self, session: Desk, team: Team) -> JsonObject:
        """The members of a team, its head included."""
        search = Search("name, email, role, phone", "people")
        search.where("team = ?", team)
        return {"team": team, "members": search.page(session.state, 1, order="name")["results"]}
