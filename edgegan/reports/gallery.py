"""Pages of pictures that flip between models and zoom; one file each, with nothing outside of it."""

from __future__ import annotations

from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


@dataclass(frozen=True)
class Tile:
    """One picture, as several models make it.

    Attributes:
        pictures: data URIs, one for each of the gallery's ``versions``; or one that is the same for all.
        label: below it.
    """

    pictures: tuple[str, ...]
    label: str = ""


@dataclass(frozen=True)
class Section:
    """Pictures with a heading.

    Attributes:
        rows: of tiles, each with what stands before it.
        joined: whether the pictures of a row touch each other, as steps of an interpolation do.
    """

    title: str
    text: str
    rows: tuple[tuple[str, tuple[Tile, ...]], ...]
    joined: bool = False


@dataclass(frozen=True)
class Table:
    """Numbers: a heading for each column, and rows of equally many cells."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Gallery:
    """A page.

    Attributes:
        versions: what every picture can be flipped between, e.g. ``float`` and ``int8``.
        shown: place of the version that is seen first.
        plots: SVG of our own making, which is not escaped.
    """

    title: str
    text: str
    versions: tuple[str, ...]
    sections: tuple[Section, ...]
    table: Table | None = None
    plots: tuple[str, ...] = ()
    shown: int = 0


def template_environment() -> Environment:
    """Templates of the pages; everything that comes from users is escaped."""
    return Environment(
        loader=PackageLoader("edgegan.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_gallery(gallery: Gallery) -> str:
    """The page as HTML."""
    template = template_environment().get_template("gallery.html.jinja")
    return template.render(gallery=gallery, plots=[Markup(plot) for plot in gallery.plots])
