"""The company's customer records."""

from datetime import date
from typing import Annotated, Literal, TypeAlias

from polygym import JsonObject, tool
from resources_servers.workplace_assistant.task import Desk
from resources_servers.workplace_assistant.toolkits.arguments import (
    Address,
    Detail,
    FromDay,
    Id,
    Line,
    Page,
    Search,
    Text,
    UntilDay,
    Words,
    check_colleague,
    found,
    settings,
    stored,
)

Status: TypeAlias = Literal["Lead", "Qualified", "Proposal", "Won", "Lost"]
Product: TypeAlias = Literal["Consulting", "Hardware", "Software", "Support plan", "Training"]


class CustomerTools:
    """Find, add, change and remove customer records."""

    @tool
    def customers_search(
        self,
        session: Desk,
        query: Words = "",
        status: Status | None = None,
        product: Product | None = None,
        assigned_to: Annotated[Address | None, "Only customers of the colleague with this address."] = None,
        last_contact_from: FromDay = None,
        last_contact_until: UntilDay = None,
        page: Page = 1,
    ) -> JsonObject:
        """Find customers by words of name, organisation, address or notes, the longest without contact first."""
        search = Search("id, name, organisation, email, status, product, assigned_to, last_contact", "customers")
        search.words(query, "name", "organisation", "email", "notes")
        search.where("status = ?", status)
        search.where("product = ?", product)
        search.where("assigned_to = ?", assigned_to)
        search.where("last_contact >= ?", last_contact_from)
        search.where("last_contact <= ?", last_contact_until)
        return search.page(session.state, page, order="last_contact, id")

    @tool
    def customers_read(self, session: Desk, customer_id: Id) -> JsonObject:
        """Look at a customer's whole record."""
        return found(session, "customers", customer_id)

    @tool
    def customers_create(
        self,
        session: Desk,
        name: Line,
        email: Address,
        assigned_to: Annotated[Address, "Address of the colleague who looks after the customer."],
        status: Status,
        product: Product,
        organisation: Detail = "",
        phone: Detail = "",
        last_contact: Annotated[date | None, "Day of the last contact (YYYY-MM-DD); today when left out."] = None,
        follow_up: Annotated[date | None, "Day of the next contact (YYYY-MM-DD)."] = None,
        notes: Text = "",
    ) -> JsonObject:
        """Add a customer."""
        check_colleague(session, assigned_to)
        customer_id = session.state.insert(
            "customers",
            name=name,
            organisation=organisation,
            email=email,
            phone=phone,
            status=status,
            product=product,
            assigned_to=assigned_to,
            last_contact=stored(last_contact or session.task.now.date()),
            follow_up=stored(follow_up or ""),
            notes=notes,
        )
        return found(session, "customers", customer_id)

    @tool
    def customers_update(
        self,
        session: Desk,
        customer_id: Id,
        name: Line | None = None,
        email: Address | None = None,
        assigned_to: Annotated[Address | None, "Address of the colleague who looks after the customer."] = None,
        status: Status | None = None,
        product: Product | None = None,
        organisation: Detail | None = None,
        phone: Detail | None = None,
        last_contact: Annotated[date | None, "Day of the last contact (YYYY-MM-DD)."] = None,
        follow_up: Annotated[date | None, "Day of the next contact (YYYY-MM-DD)."] = None,
        notes: Annotated[Text | None, "Replaces the notes of before."] = None,
    ) -> JsonObject:
        """Change a customer's record. What is left out stays as it is."""
        found(session, "customers", customer_id)
        if assigned_to is not None:
            check_colleague(session, assigned_to)
        chosen = settings(
            name=name,
            email=email,
            assigned_to=assigned_to,
            status=status,
            product=product,
            organisation=organisation,
            phone=phone,
            last_contact=last_contact,
            follow_up=follow_up,
            notes=notes,
        )
        session.state.update("customers", customer_id, **chosen)
        return found(session, "customers", customer_id)

    @tool
    def customers_delete(self, session: Desk, customer_id: Id) -> JsonObject:
        """Remove a customer's record."""
        found(session, "customers", customer_id)
        session.state.delete("customers", customer_id)
        return {"id": customer_id, "deleted": True}
