"""From a scene to a data URL. The only module here that needs Pillow."""

import base64
import io
import zlib
from math import cos, pi, sin
from typing import Final

from PIL import Image, ImageDraw

from resources_servers.circle_count.scene import COLORS, Scene, Shape

_BACKGROUND: Final = (250, 250, 247)
_OUTLINE: Final = (15, 15, 15)
_PALETTE: Final = {name: 2 + place for place, name in enumerate(COLORS)}


def data_url(scene: Scene) -> str:
    """The scene as a PNG with nothing in it but pixels, in a `data:` URL."""
    return "data:image/png;base64," + base64.b64encode(png(scene)).decode()


def png(scene: Scene) -> bytes:
    """The scene as a PNG. Compressed by run lengths, which come out the same with every zlib."""
    image = Image.new("P", (scene.size, scene.size), 0)
    image.putpalette([part for color in (_BACKGROUND, _OUTLINE, *COLORS.values()) for part in color])
    draw = ImageDraw.Draw(image)
    for shape in scene.shapes:
        _draw(draw, shape)
    written = io.BytesIO()
    image.save(written, "PNG", bits=4, compress_type=zlib.Z_RLE)
    return written.getvalue()


def _draw(draw: ImageDraw.ImageDraw, shape: Shape) -> None:
    x, y, radius = shape.x, shape.y, shape.radius
    fill = _PALETTE[shape.color]
    match shape.kind:
        case "circle":
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill, 1, width=2)
        case "ellipse":
            draw.ellipse((x - radius, y - radius // 2, x + radius, y + radius // 2), fill, 1, width=2)
        case "bar":
            draw.rectangle((x - radius, y - radius // 3, x + radius, y + radius // 3), fill, 1, width=2)
        case "square":
            side = round(radius * 0.8)
            draw.rectangle((x - side, y - side, x + side, y + side), fill, 1, width=2)
        case "triangle":
            draw.polygon(_corners(shape, 3, 1.0), fill, 1, width=2)
        case "diamond":
            draw.polygon(_corners(shape, 4, 1.0), fill, 1, width=2)
        case "star":
            draw.polygon(_corners(shape, 10, 0.45), fill, 1, width=1)


def _corners(shape: Shape, count: int, inner: float) -> list[tuple[float, float]]:
    """Corners of a polygon, every other one at `inner` of the radius."""
    return [
        (
            shape.x + shape.radius * (1.0 if place % 2 == 0 else inner) * sin(2 * pi * place / count),
            shape.y - shape.radius * (1.0 if place % 2 == 0 else inner) * cos(2 * pi * place / count),
        )
        for place in range(count)
    ]
