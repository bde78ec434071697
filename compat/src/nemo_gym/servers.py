"""What every server is: a configuration, a client for the others, and a FastAPI application."""

import logging
import os
import resource
from abc import abstractmethod
from types import ModuleType
from typing import Any, Final, Optional
from uuid import uuid4

from aiohttp import ClientResponseError
from fastapi import FastAPI, Request, Response
from fastapi.exception_handlers import request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from omegaconf import OmegaConf
from pydantic import BaseModel
from starlette.middleware.sessions import SessionMiddleware

from nemo_gym.config_types import BaseRunServerInstanceConfig
from nemo_gym.configuration import get_first_server_config_dict, get_global_config_dict
from nemo_gym.keys import NEMO_GYM_CONFIG_PATH_ENV_VAR_NAME
from nemo_gym.server_client import ServerClient

log = logging.getLogger("nemo_gym.servers")

SESSION_ID_KEY: Final = "session_id"
"""Key of the rollout's session in `request.session`."""
KEEP_ALIVE_S: Final = 30
"""Seconds that an idle connection is kept; longer than callers keep theirs."""
IS_NEMO_GYM_FASTAPI_WORKER_KEY_NAME: Final = "IS_NEMO_GYM_FASTAPI_WORKER"
IS_NEMO_GYM_FASTAPI_ENTRYPOINT_KEY_NAME: Final = "IS_NEMO_GYM_FASTAPI_ENTRYPOINT"


class BaseServer(BaseModel):
    """A server with a configuration."""

    config: BaseRunServerInstanceConfig

    @classmethod
    def load_config_from_global_config(cls) -> BaseRunServerInstanceConfig:
        """The configuration of the instance that this process is to be."""
        name = os.environ[NEMO_GYM_CONFIG_PATH_ENV_VAR_NAME]
        fields: Any = OmegaConf.to_container(get_first_server_config_dict(get_global_config_dict(), name), resolve=True)
        config_class: Any = cls.model_fields["config"].annotation
        return config_class.model_validate({**fields, "name": name})  # type: ignore[no-any-return]

    def setup_liveness(self, app: FastAPI) -> None:
        """Answer GET / so that others see that the server is up."""

        @app.get("/", include_in_schema=False)
        async def alive() -> dict[str, str]:
            return {"status": "ok"}


class SessionIds:
    """ASGI middleware, inside the session's: every session has an id, and every answer carries the session."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            session = scope["session"]
            session[SESSION_ID_KEY] = session.get(SESSION_ID_KEY) or str(uuid4())
        await self._app(scope, receive, send)


class ExceptionAnswers:
    """ASGI middleware that answers 500 with the error's text, as a JSON string."""

    def __init__(self, app: Any, server: str) -> None:
        self._app = app
        self._server = server

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        has_started = False

        async def watched(message: Any) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if scope["type"] != "http" or has_started:
                raise
            log.warning("%s: %s %s raised", self._server, scope["method"], scope["path"], exc_info=error)
            await JSONResponse(self._describe(error), 500)(scope, receive, send)

    def _describe(self, error: Exception) -> str:
        content = getattr(error, "response_content", None)
        if isinstance(error, ClientResponseError) and content is not None:
            return f"Hit an exception in {self._server} calling an inner server: {content}"
        return repr(error)


class SimpleServer(BaseServer):
    """A server that makes its own application."""

    server_client: ServerClient

    @abstractmethod
    def setup_webserver(self) -> FastAPI:
        """The application, with all routes."""

    def get_session_middleware_key(self) -> str:
        """Name of the session cookie, and what it is signed with: sessions keep rollouts apart, not people."""
        return f"{type(self).__name__}___{self.config.name}"

    def setup_session_middleware(self, app: FastAPI) -> None:
        """Give every caller a session, once; it has an id from the start."""
        if getattr(app.state, "nemo_gym_session_middleware_installed", False):
            return
        app.state.nemo_gym_session_middleware_installed = True
        key = self.get_session_middleware_key()
        app.add_middleware(SessionIds)
        app.add_middleware(SessionMiddleware, secret_key=key, session_cookie=key)

    def setup_exception_middleware(self, app: FastAPI) -> None:
        """Answer with what a handler raised."""
        app.add_middleware(ExceptionAnswers, server=self.get_session_middleware_key())

    def set_ulimit(self, target_soft_limit: int = 65535) -> None:
        """Allow that many open files, if the system does."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < target_soft_limit:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (target_soft_limit, hard))
            except ValueError as error:
                log.warning("%s: no more than %d open files: %s", self.config.name, soft, error)

    @classmethod
    def polygym_server(cls, module: ModuleType) -> Any:
        """This class as a server of a polygym fleet; None when another class of the module is the server."""
        from nemo_gym.adoption import adopt

        server_type = next(
            (kind for kind in (getattr(base, "SERVER_TYPE", None) for base in cls.__mro__) if kind), None
        )
        return adopt(cls, server_type, module) if server_type is not None else None

    @classmethod
    def run_webserver(cls) -> Optional[FastAPI]:
        """Serve the instance that the environment names, with the configuration that it holds, until stopped.

        The application, for uvicorn's worker processes to serve. None in a dry run.
        """
        from nemo_gym.serving import serve_from_environment

        return serve_from_environment(cls)


def complete_app(server: SimpleServer) -> FastAPI:
    """A server's application with what every one has: liveness, error answers, MCP if it is configured."""
    app = server.setup_webserver()
    if getattr(server.config, "expose_tools_over_mcp", False):
        from nemo_gym.mcp_auto_exposure import maybe_auto_expose

        maybe_auto_expose(server, app)
    server.setup_liveness(app)
    server.setup_exception_middleware(app)

    @app.exception_handler(RequestValidationError)
    async def refuse(request: Request, error: RequestValidationError) -> Response:
        log.info("%s: %s refused: %s", server.config.name, request.url.path, error.errors())
        return await request_validation_exception_handler(request, error)

    return app
