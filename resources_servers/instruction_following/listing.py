"""Lists of words, written as one text."""


def listed(text: str) -> tuple[str, ...]:
    """What stands between the spaces of `text`."""
    return tuple(text.split())
