"""Pictures of pins, drawn from what they are: each board has a pattern and a colour, each name its own version of them.

Nothing is random: the same pin has the same picture everywhere and always.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from zlib import crc32

WIDTH, HEIGHT = 240, 160

Painter = Callable[[random.Random, Callable[[float], str]], Iterator[str]]


def picture(board: int, name: str) -> str:
    """The picture as SVG, whose text is harmless: it has numbers only.

    :param board: a number, which chooses the pattern and the colour.
    """
    dice = random.Random(crc32(name.encode()))
    paint, hue = STYLES[board % len(STYLES)]
    hue += dice.randint(-14, 14)
    saturation = dice.randint(38, 60)

    def shade(lightness: float) -> str:
        """A colour of this picture, 0 black and 100 white; dark ones lean to one side, and light ones to the other."""
        return f"hsl({hue + (lightness - 50) * 0.5:.0f} {saturation}% {lightness:.0f}%)"

    shapes = "".join(paint(dice, shade))
    return (
        f'<svg class="picture" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="xMidYMid slice"'
        f' aria-hidden="true" focusable="false">{shapes}</svg>'
    )


def _ground(colour: str) -> str:
    return f'<path fill="{colour}" d="M-1-1h{WIDTH + 2}v{HEIGHT + 2}H-1z"/>'


def _circle(x: float, y: float, radius: float, colour: str) -> str:
    return f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{radius:.1f}" fill="{colour}"/>'


def _hills(dice: random.Random, shade: Callable[[float], str]) -> Iterator[str]:
    """A sun behind rows of hills."""
    yield _ground(shade(86))
    yield _circle(dice.randint(50, 190), dice.randint(35, 70), dice.randint(16, 28), shade(96))
    for row in range(4):
        height, swing, length, phase = 70 + row * 24, dice.uniform(8, 20), dice.uniform(28, 60), dice.uniform(0, 6)
        points = " ".join(f"{x},{height + swing * math.sin(x / length + phase):.0f}" for x in range(0, WIDTH + 1, 8))
        yield f'<polygon fill="{shade(70 - row * 14)}" points="0,{HEIGHT} {points} {WIDTH},{HEIGHT}"/>'


def _waves(dice: random.Random, shade: Callable[[float], str]) -> Iterator[str]:
    """Scales, as on a wave of a woodcut."""
    yield _ground(shade(30))
    size = dice.choice((24, 30, 40))
    for row, y in enumerate(range(0, HEIGHT + size, size // 2)):
        for x in range(-(row % 2) * size, WIDTH + size, 2 * size):
            for radius, lightness in ((1.0, 38 + 40 * y / HEIGHT), (0.66, 92), (0.5, 45 + 30 * y / HEIGHT)):
                yield _circle(x, y + size // 2, size * radius, shade(lightness))


def _tiles(dice: random.Random, shade: Callable[[float], str]) -> Iterator[str]:
    """Quarters of circles on tiles, turned by chance."""
    yield _ground(shade(90))
    size = 40
    for x in range(0, WIDTH, size):
        for y in range(0, HEIGHT, size):
            if dice.random() < 0.35:
                yield f'<path fill="{shade(dice.choice((78, 84)))}" d="M{x} {y}h{size}v{size}h-{size}z"/>'
            turn = dice.choice((0, 90, 180, 270))
            yield (
                f'<path fill="{shade(dice.choice((34, 46, 58, 68)))}" d="M{x} {y}h{size}a{size} {size} 0 0 1-{size} {size}z"'
                f' transform="rotate({turn} {x + size / 2:.0f} {y + size / 2:.0f})"/>'
            )


def _sky(dice: random.Random, shade: Callable[[float], str]) -> Iterator[str]:
    """A moon, stars, and the lines that somebody saw between them."""
    yield _ground(shade(18))
    left, middle, right = dice.randint(90, 130), dice.randint(60, 110), dice.randint(90, 140)
    yield f'<path fill="{shade(24)}" d="M0 {left}Q120 {middle} 240 {right}V160H0z"/>'
    for _ in range(46):
        yield _circle(
            dice.randint(0, WIDTH), dice.randint(0, HEIGHT), dice.uniform(0.4, 1.4), shade(dice.randint(70, 96))
        )
    stars = sorted((dice.randint(20, 150), dice.randint(25, 130)) for _ in range(dice.randint(4, 6)))
    points = " ".join(f"{x},{y}" for x, y in stars)
    yield f'<polyline fill="none" stroke="{shade(60)}" stroke-width="1" points="{points}"/>'
    for x, y in stars:
        yield _circle(x, y, dice.uniform(2, 3.4), shade(95))
    x, y, radius = dice.randint(175, 210), dice.randint(30, 60), dice.randint(14, 22)
    yield _circle(x, y, radius, shade(90))
    yield _circle(x + radius * dice.uniform(0.3, 0.6), y - 3, radius * 0.9, shade(18))


def _rings(dice: random.Random, shade: Callable[[float], str]) -> Iterator[str]:
    """Two wheels."""
    yield _ground(shade(88))
    for x in (dice.randint(55, 80), dice.randint(160, 185)):
        y, outer = dice.randint(75, 95), dice.randint(42, 58)
        for part, lightness in ((1.0, 30), (0.88, 88), (0.72, 62), (0.56, 80), (0.2, 34), (0.1, 92)):
            yield _circle(x, y, outer * part, shade(lightness))
        spokes = dice.choice((8, 10, 12))
        for spoke in range(spokes):
            yield (
                f'<path stroke="{shade(42)}" stroke-width="1.5" d="M{x} {y - outer * 0.2:.0f}V{y - outer * 0.9:.0f}"'
                f' transform="rotate({360 / spokes * spoke:.0f} {x} {y})"/>'
            )


def _contours(dice: random.Random, shade: Callable[[float], str]) -> Iterator[str]:
    """The lines of a map, around two heights."""
    yield _ground(shade(92))
    for x, y in ((dice.randint(40, 110), dice.randint(40, 120)), (dice.randint(140, 210), dice.randint(40, 120))):
        turn = dice.randint(0, 180)
        for step in range(7, 0, -1):
            wide, high = step * dice.uniform(12, 16), step * dice.uniform(8, 12)
            yield (
                f'<ellipse cx="{x}" cy="{y}" rx="{wide:.0f}" ry="{high:.0f}" fill="{shade(88 - (7 - step) * 5)}"'
                f' stroke="{shade(40)}" stroke-width=".8" transform="rotate({turn} {x} {y})"/>'
            )


def _petals(dice: random.Random, shade: Callable[[float], str]) -> Iterator[str]:
    """Flowers."""
    yield _ground(shade(28))
    for _ in range(dice.randint(5, 7)):
        x, y, size, petals = dice.randint(10, 230), dice.randint(10, 150), dice.randint(18, 38), dice.randint(5, 9)
        colour, start = shade(dice.randint(55, 90)), dice.randint(0, 90)
        for petal in range(petals):
            yield (
                f'<ellipse cx="{x}" cy="{y - size * 0.6:.0f}" rx="{size * 0.28:.0f}" ry="{size * 0.55:.0f}" fill="{colour}"'
                f' transform="rotate({start + 360 / petals * petal:.0f} {x} {y})"/>'
            )
        yield _circle(x, y, size * 0.24, shade(38))


def _blocks(dice: random.Random, shade: Callable[[float], str]) -> Iterator[str]:
    """Houses by a street."""
    yield _ground(shade(84))
    x = -dice.randint(0, 20)
    while x < WIDTH:
        wide, high = dice.randint(28, 46), dice.randint(50, 115)
        top, wall = HEIGHT - high, shade(dice.randint(36, 66))
        half = wide // 2
        yield f'<path fill="{shade(26)}" d="M{x - 3} {top}l{half + 3} {-half} {half + 3} {half}z"/>'
        yield f'<path fill="{wall}" d="M{x} {top}h{wide}v{high}h{-wide}z"/>'
        for window in range(top + 10, HEIGHT - 14, 22):
            for side in (0.2, 0.6):
                yield f'<path fill="{shade(dice.choice((92, 92, 24)))}" d="M{x + wide * side:.0f} {window}h7v10h-7z"/>'
        x += wide + dice.choice((0, 0, 6))


STYLES: tuple[tuple[Painter, int], ...] = (
    (_contours, 42),
    (_waves, 200),
    (_hills, 24),
    (_blocks, 165),
    (_tiles, 268),
    (_petals, 120),
    (_sky, 235),
    (_rings, 345),
)
"""Patterns, and the hue of each in degrees."""
