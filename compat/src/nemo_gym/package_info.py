"""Which release's surface this package provides."""

MAJOR, MINOR, PATCH, PRE_RELEASE = VERSION = (0, 5, 1, "")
__shortversion__ = ".".join(str(part) for part in VERSION[:3])
__version__ = __shortversion__ + PRE_RELEASE
__package_name__ = "nemo_gym"
