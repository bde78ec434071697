"""What can be wrong with an environment as a whole."""

from nemo_gym.config_errors import ConfigError


class EnvironmentValidationError(ConfigError):
    """Manifest, configuration, code and data do not fit together."""
