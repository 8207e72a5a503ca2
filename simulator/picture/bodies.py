# SPDX-License-Identifier: AGPL-3.0-or-later
"""The front of a pack before any harm: what every maker of shapes hands over, and the print it is given."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.random import Generator

from simulator.picture.faces import brand_behind, draw_back, draw_face, inks_behind
from simulator.picture.printing import Colour, Palette, Picture
from simulator.picture.scene import DamageKind, PackStyle


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A finished front: `front` BGRA premultiplied (h, w, 4), its outline (n, 2) in 0..1 and what is inside.

    `face` is the flat print uint8 (h, w, 3), for sides and tops.
    """

    front: Picture
    outline_uv: Picture
    face: Picture
    inside_bgr: Colour = (60, 90, 120)
    """Colour of the contents, where a tear or a leak shows them."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be made. `form` is the style's own chance for its shape, `luck` that of the single pack."""

    style: PackStyle
    damage: DamageKind
    wh_px: tuple[int, int]
    form: Generator
    luck: Generator

    @property
    def inks(self) -> Palette:
        """The inks of the style."""
        return inks_behind(self.style)

    @property
    def maker_seed(self) -> int:
        """The seed of the style's brand."""
        return brand_behind(self.style).seed

    def print_of(self, width_px: int, height_px: int) -> Picture:
        """The print that faces the camera: the front's, or the back's for a pack the wrong way round."""
        draw = draw_back if self.damage == "back_to_front" else draw_face
        return draw(self.style, max(12, width_px), max(12, height_px))
