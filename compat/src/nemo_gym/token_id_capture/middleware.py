"""Which calls of a model server are captured: those that come by a path that asks for it."""

import re
from collections.abc import Mapping
from typing import Any, Final, Optional
from uuid import uuid4

from nemo_gym.config_types import ROLLOUT_PATH_PREFIX, TOKEN_CAPTURE_PATH_SEGMENT
from nemo_gym.token_id_capture.config import token_id_capture_config
from nemo_gym.token_id_capture.protocols import TokenSink, installed_token_sink
from nemo_gym.token_id_capture.sink import CaptureContext, reset_token_sink, set_token_sink
from nemo_gym.token_id_capture.store import make_token_store

CAPTURED: Final = re.compile(
    rf"^/{re.escape(ROLLOUT_PATH_PREFIX)}/(?P<id>[^/]+)/{re.escape(TOKEN_CAPTURE_PATH_SEGMENT)}/"
)
CALL_ID_KEY: Final = "nemo_gym_model_call_id"
"""Key in the scope, for others that write the call down, too."""


def install_token_capture(app: Any, global_config_dict: Any) -> None:
    """Let a model server capture tokens, if that is configured. Raises ValueError for wrong settings."""
    config = token_id_capture_config(global_config_dict if isinstance(global_config_dict, Mapping) else {})
    if config.enabled:
        sink = config.build_sink() or installed_token_sink() or make_token_store(global_config_dict)
        app.add_middleware(TokenCaptureMiddleware, sink=sink)


class TokenCaptureMiddleware:
    """ASGI middleware that says which rollout and call a request is, while it is answered."""

    def __init__(self, app: Any, *, sink: Optional[TokenSink]) -> None:
        self._app = app
        self._sink = sink

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        found = CAPTURED.match(scope.get("path", "")) if scope.get("type") == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        context = CaptureContext(rollout_id=found["id"], model_call_id=uuid4().hex, token_sink=self._sink)
        token = set_token_sink(context)
        try:
            await self._app({**scope, CALL_ID_KEY: context.model_call_id}, receive, send)
        finally:
            reset_token_sink(token)
