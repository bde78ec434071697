"""The user's own address book: people outside the company who are not customers."""

from polygym import JsonObject, ToolError, tool
from resources_servers.workplace_assistant.task import Desk
from resources_servers.workplace_assistant.toolkits.arguments import (
    Address,
    Detail,
    Id,
    Line,
    Page,
    Search,
    Words,
    found,
    settings,
)


class ContactTools:
    """Find, add, change and remove contacts."""

    @tool
    def contacts_search(self, session: Desk, query: Words = "", page: Page = 1) -> JsonObject:
        """Find contacts by words of their name, address, phone number or organisation."""
        search = Search("*", "contacts")
        search.words(query, "name", "email", "phone", "organisation")
        return search.page(session.state, page, order="name, id")

    @tool
    def contacts_add(
        self, session: Desk, name: Line, email: Address, phone: Detail = "", organisation: Detail = ""
    ) -> JsonObject:
        """Add somebody to the address book."""
        if session.state.query("SELECT id FROM contacts WHERE email = ?", email):
            raise ToolError(f"There is a contact with the address '{email}' already.")
        contact_id = session.state.insert("contacts", name=name, email=email, phone=phone, organisation=organisation)
        return found(session, "contacts", contact_id)

    @tool
    def contacts_update(
        self,
        session: Desk,
        contact_id: Id,
        name: Line | None = None,
        email: Address | None = None,
        phone: Detail | None = None,
        organisation: Detail | None = None,
    ) -> JsonObject:
        """Change a contact. What is left out stays as it is."""
        found(session, "contacts", contact_id)
        chosen = settings(name=name, email=email, phone=phone, organisation=organisation)
        session.state.update("contacts", contact_id, **chosen)
        return found(session, "contacts", contact_id)

    @tool
    def contacts_delete(self, session: Desk, contact_id: Id) -> JsonObject:
        """Remove somebody from the address book."""
        found(session, "contacts", contact_id)
        session.state.delete("contacts", contact_id)
        return {"id": contact_id, "deleted": True}
