"""The user's mail."""

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
    Text,
    UntilDay,
    Words,
    found,
    stored,
)

Folder: TypeAlias = Literal["inbox", "sent", "archive"]


class EmailTools:
    """Find, read, write and file mails."""

    @tool
    def email_search(
        self,
        session: Desk,
        query: Words = "",
        sender: Annotated[Address | None, "Only mails from this address."] = None,
        recipient: Annotated[Address | None, "Only mails to this address."] = None,
        folder: Annotated[Folder | None, "Only mails in this folder."] = None,
        first_day: FromDay = None,
        last_day: UntilDay = None,
        oldest_first: Annotated[bool, "Begin with the oldest mail instead of the newest."] = False,
        page: Page = 1,
    ) -> JsonObject:
        """Find mails by words of subject, text and addresses. Shows no texts; `email_read` does."""
        search = Search("id, folder, sender, recipient, subject, sent_at", "emails")
        search.words(query, "subject", "body", "sender", "recipient")
        search.where("sender = ?", sender)
        search.where("recipient = ?", recipient)
        search.where("folder = ?", folder)
        search.where("substr(sent_at, 1, 10) >= ?", first_day)
        search.where("substr(sent_at, 1, 10) <= ?", last_day)
        order = "sent_at, id" if oldest_first else "sent_at DESC, id DESC"
        return search.page(session.state, page, order=order)

    @tool
    def email_read(self, session: Desk, email_id: Id) -> JsonObject:
        """Read a mail, with its text."""
        return found(session, "emails", email_id)

    @tool
    def email_send(self, session: Desk, recipient: Address, subject: Line, body: Text) -> JsonObject:
        """Write a new mail to one person and send it."""
        return _send(session, recipient, subject, body)

    @tool
    def email_reply(self, session: Desk, email_id: Id, body: Text) -> JsonObject:
        """Answer a mail. Its sender gets the reply; for a mail that the user sent, its recipient."""
        original = found(session, "emails", email_id)
        is_own = original["folder"] == "sent"
        recipient = original["recipient"] if is_own else original["sender"]
        return _send(session, recipient, _prefixed("Re: ", original["subject"]), body)

    @tool
    def email_forward(
        self,
        session: Desk,
        email_id: Id,
        recipient: Annotated[Address, "Who is to have it."],
        comment: Annotated[Text, "Put above the mail's own text; leave it out for none."] = "",
    ) -> JsonObject:
        """Send a mail on to somebody else."""
        original = found(session, "emails", email_id)
        body = f"{comment}\n\n{original['body']}" if comment.strip() else original["body"]
        return _send(session, recipient, _prefixed("Fwd: ", original["subject"]), body)

    @tool
    def email_move(self, session: Desk, email_id: Id, folder: Literal["inbox", "archive"]) -> JsonObject:
        """Put a mail into another folder."""
        found(session, "emails", email_id)
        session.state.update("emails", email_id, folder=folder)
        return {"id": email_id, "folder": folder}

    @tool
    def email_delete(self, session: Desk, email_id: Id) -> JsonObject:
        """Delete a mail for good."""
        found(session, "emails", email_id)
        session.state.delete("emails", email_id)
        return {"id": email_id, "deleted": True}


def _send(session: Desk, recipient: str, subject: str, body: str) -> JsonObject:
    """File a mail under `sent`, and note that it has left: deleting it would not bring it back."""
    sender = session.state.query("SELECT email FROM account")[0]["email"]
    mail = {"recipient": recipient, "subject": subject, "body": body}
    session.state.insert("deliveries", **mail)
    email_id = session.state.insert("emails", folder="sent", sender=sender, **mail, sent_at=stored(session.task.now))
    return {"id": email_id, "sent_to": recipient, "subject": subject}


def _prefixed(prefix: str, subject: str) -> str:
    """The subject of a reply or a forwarded mail; the prefix is not put there twice."""
    return subject if subject.startswith(prefix) else prefix + subject
