"""Sandboxes that are Docker containers."""

from nemo_gym.sandbox.providers.docker.provider import (
    DockerCreateConfig,
    DockerCreateError,
    DockerCreateVerificationError,
    DockerExecConfig,
    DockerProbeConfig,
    DockerProvider,
)

__all__ = [
    "DockerCreateConfig",
    "DockerCreateError",
    "DockerCreateVerificationError",
    "DockerExecConfig",
    "DockerProbeConfig",
    "DockerProvider",
]
