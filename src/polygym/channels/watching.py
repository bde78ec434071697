"""Seeing every call of a model server, in whatever dialect and from wherever it comes: to count it, to write it down.

A call is seen where its server lives, if that is one of our processes, else where it is made. Where nobody watches,
calls pass by here without a detour.
"""

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from polygym.channels.capture import CallFile
from polygym.protocol.calls import RolloutContext
from polygym.protocol.json import JsonObject


class Meter(Protocol):
    """Who counts what calls take."""

    def spent(self, rollout_id: str, server: str, answer: JsonObject) -> None:
        """A call to a model server on behalf of a rollout has been answered."""
        ...


@dataclass(slots=True)
class ModelWatch:
    """What is done with the calls that are seen. May be set up after the servers it watches."""

    meter: Meter | None = None
    capture: CallFile | None = None

    async def see(
        self,
        server: str,
        dialect: str,
        params: JsonObject,
        context: RolloutContext,
        call: Coroutine[Any, Any, JsonObject],
        *,
        is_written_there: bool = False,
    ) -> JsonObject:
        """The answer of `call`, which is made with `params` in `dialect`. Raises what it raises.

        `is_written_there`: the server is in another process of ours, which writes its calls down itself.
        """
        if self.capture is None or is_written_there:
            answer = await call
        else:
            answer = await self.capture.written(server, dialect, params, context, call)
        if self.meter is not None:
            self.meter.spent(context.rollout_id, server, answer)
        return answer
