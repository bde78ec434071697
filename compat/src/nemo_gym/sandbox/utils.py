"""Names of images."""

from collections.abc import Sequence


def rewrite_image(image: str | None, rewrites: Sequence[dict[str, str]]) -> str | None:
    """The image with the beginnings in `rewrites` (`{from, to}`) replaced, one after the other."""
    for rewrite in rewrites:
        if image is not None and image.startswith(rewrite["from"]):
            image = rewrite["to"] + image.removeprefix(rewrite["from"])
            break
    return image
