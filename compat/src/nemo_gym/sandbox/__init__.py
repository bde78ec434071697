"""Sandboxes: isolated machines in which agents and verifiers run commands."""

from nemo_gym.sandbox.api import AsyncSandbox, Sandbox, SandboxPty
from nemo_gym.sandbox.config import resolve_provider_config, resolve_provider_metadata
from nemo_gym.sandbox.providers import *
from nemo_gym.sandbox.providers import __all__ as _providers
from nemo_gym.sandbox.utils import rewrite_image

__all__ = [
    "AsyncSandbox",
    "Sandbox",
    "SandboxPty",
    "resolve_provider_config",
    "resolve_provider_metadata",
    "rewrite_image",
    *_providers,
]
