"""Where each server of a run lives: in this process if it can, in its own if it must."""

from polygym.config.model import Placement, ServerInstance
from polygym.fleet.requirements import unmet_requirements


def place(instance: ServerInstance) -> Placement:
    """The configured placement; else `remote` for a URL, `process` where requirements are unmet, else `embedded`."""
    if instance.placement is not None:
        return instance.placement
    if instance.url is not None or instance.folder is None:
        return "remote"
    return "process" if unmet_requirements(instance.folder) else "embedded"
