"""One server in a process of its own, started as `python app.py` with its configuration in the environment."""

from typing import Any, Optional

import uvicorn
from fastapi import FastAPI
from omegaconf import OmegaConf

from nemo_gym.configuration import get_global_config_dict, use_config, with_defaults
from nemo_gym.keys import DRY_RUN_KEY_NAME
from nemo_gym.server_client import ServerClient
from nemo_gym.servers import KEEP_ALIVE_S, SimpleServer, complete_app
from nemo_gym.workers import (
    is_nemo_gym_fastapi_worker,
    set_is_nemo_gym_fastapi_entrypoint,
    set_is_nemo_gym_fastapi_worker,
    set_nemo_gym_fastapi_num_workers,
)

STOP_S = 0.5
"""Seconds that requests under way get when the server is told to stop."""


def serve_from_environment(server_class: type[SimpleServer]) -> Optional[FastAPI]:
    """Be the server until stopped; the application, which workers of uvicorn serve. None in a dry run."""
    given: Any = OmegaConf.to_container(get_global_config_dict())
    use_config(OmegaConf.create(with_defaults(given)))
    settings = get_global_config_dict()
    client = ServerClient(head_server_config=ServerClient.load_head_server_config(), global_config_dict=settings)
    server = server_class(config=server_class.load_config_from_global_config(), server_client=client)
    if settings[DRY_RUN_KEY_NAME]:
        return None
    app = complete_app(server)
    server.set_ulimit()
    if is_nemo_gym_fastapi_worker():
        return app
    options: dict[str, Any] = {
        "host": server.config.host,
        "port": server.config.port,
        "timeout_graceful_shutdown": STOP_S,
        "timeout_keep_alive": KEEP_ALIVE_S,
        "access_log": bool(settings.get("uvicorn_logging_show_200_ok", False)),
    }
    workers = server.config.num_workers or 1
    if workers == 1:
        uvicorn.run(app, **options)
        return app
    [server_type] = settings[server.config.name]
    [implementation] = settings[server.config.name][server_type]
    entrypoint = f"{server_type}/{implementation}/{server.config.entrypoint}"
    set_is_nemo_gym_fastapi_worker()
    set_is_nemo_gym_fastapi_entrypoint(entrypoint)
    set_nemo_gym_fastapi_num_workers(workers)
    uvicorn.run(f"{entrypoint.removesuffix('.py').replace('/', '.')}:app", workers=workers, **options)
    return app
