"""What can be wrong with a configuration: mistakes of users, to be shown without a trace."""


class ConfigError(Exception):
    """A configuration that cannot be used; the message says what to do."""


class ConfigPathNotFoundError(ConfigError, FileNotFoundError):
    """A file named in `config_paths` is nowhere."""


class MalformedConfigPathsError(ConfigError, ValueError):
    """`config_paths` is no list of paths."""


class NoServerInstancesError(ConfigError, ValueError):
    """There is no server to start."""


class ConfigMissingValuesError(ConfigError, ValueError):
    """Values are `???` still."""


class ConfigInterpolationError(ConfigError, ValueError):
    """An interpolation names what is not there."""


class ServerRefNotFoundError(ConfigError, ValueError):
    """A reference to a server that is not there."""


class InheritPathNotFoundError(ConfigError, ValueError):
    """`_inherit_from` or `_copy` names what is not there."""


class AlmostServerError(ConfigError, ValueError):
    """A mapping that is meant to be a server and is not."""
