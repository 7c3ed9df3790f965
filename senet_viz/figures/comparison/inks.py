"""Inks and names of compared images: another set than that of the classes, so that neither is taken for the other."""

from collections.abc import Sequence

from senet_viz.figures.look import DARK, Look

# Okabe and Ito 2008, told apart with every kind of colour vision; the dashes go on where the colours end.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_SYMBOLS = ("circle", "diamond", "square")
_DASHES = ("solid", "dash", "dot")


def colour_images(count: int) -> list[tuple[str, str]]:
    """Colour and dash of each image by its position."""
    return [(_COLOURS[i % len(_COLOURS)], _DASHES[i // len(_COLOURS) % len(_DASHES)]) for i in range(count)]


def symbol_of(position: int) -> str:
    """Marker of an image: another one where the colours begin again."""
    return _SYMBOLS[position // len(_COLOURS) % len(_SYMBOLS)]


def name_images(names: Sequence[str], *, most: int = 18) -> list[str]:
    """Numbered and shortened names: two images may bear one name; numbers alone where `most` leaves no room."""
    if most < 6:
        return [str(i) for i in range(1, len(names) + 1)]
    return [f"{i}. {shorten(name, most)}" for i, name in enumerate(names, start=1)]


def shorten(name: str, most: int) -> str:
    """A name of at most so many letters, as plain text; of a path its end."""
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    return plain(name if len(name) <= most else name[: most - 1] + "…")


def plain(text: str) -> str:
    """Text that figures neither read as HTML nor as a template."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("%{", "% {")


def rank_scale(look: Look) -> list[tuple[float, str]]:
    """Colours from the first rank on: only what is near the first stands out, and words stay readable on all."""
    if look == DARK:
        return [(0.0, "#5cc4da"), (0.3, "#1f6678"), (1.0, "#18202a")]
    return [(0.0, "#0b5a6d"), (0.3, "#a9d3dc"), (1.0, "#f1f4f6")]
