"""What went over the wire for one model call, noted for whoever asked to know; nothing is noted for anybody else."""

from contextvars import ContextVar
from typing import NamedTuple

from polygym.protocol.json import JsonObject


class Exchange(NamedTuple):
    """One request to an outside endpoint."""

    url: str
    """Without user, password and query."""
    status: int | None
    """None when no answer came."""
    seconds: float
    failure_class: str | None
    """What was wrong with the answer."""

    def to_json(self) -> JsonObject:
        """As a JSON object."""
        return {
            "url": self.url,
            "status": self.status,
            "latency_s": round(self.seconds, 6),
            "failure_class": self.failure_class,
        }


exchanges: ContextVar[list[Exchange] | None] = ContextVar("exchanges", default=None)
"""Where the requests of the model call under way in this context are noted; None where nobody asks."""

is_streamed: ContextVar[bool] = ContextVar("is_streamed", default=False)
"""Whether the caller of the model call under way in this context reads its answer as a stream."""
