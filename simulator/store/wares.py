# SPDX-License-Identifier: AGPL-3.0-or-later
"""Invented wares for a large assortment: families of packs with their measures, and words for names."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """Products of one sort. Millimetres are (lowest, highest)."""

    code: str
    shape: str
    width_mm: tuple[int, int]
    height_mm: tuple[int, int]
    depth_mm: tuple[int, int]
    products: tuple[str, ...]
    contents: tuple[str, ...]


FAMILIES = (
    Family("WATER", "bottle", (78, 92), (270, 315), (78, 92),
           ("Water still", "Water mild", "Lemonade", "Iced tea"), ("1 l", "1.5 l")),
    Family("CAN", "can", (62, 74), (115, 160), (62, 74),
           ("Cola", "Orange soda", "Energy drink", "Beer"), ("33 cl", "50 cl")),
    Family("JUICE", "carton", (80, 96), (195, 240), (60, 90),
           ("Apple juice", "Orange juice", "Oat drink", "Milk"), ("1 l",)),
    Family("CRISPS", "bag", (140, 200), (200, 270), (60, 90),
           ("Crisps", "Tortilla chips", "Nuts", "Pretzels"), ("150 g", "200 g")),
    Family("CEREAL", "box", (140, 200), (230, 300), (60, 80),
           ("Corn flakes", "Muesli", "Oat flakes", "Granola"), ("375 g", "500 g")),
    Family("COFFEE", "brick", (84, 100), (140, 180), (55, 70),
           ("Ground coffee", "Espresso", "Cane sugar", "Flour"), ("250 g", "500 g")),
    Family("JAM", "jar", (66, 90), (90, 150), (66, 90),
           ("Jam", "Honey", "Pickles", "Mustard", "Pasta sauce"), ("250 g", "340 g")),
    Family("TIN", "can", (74, 100), (80, 115), (74, 100),
           ("Tomatoes", "Sweetcorn", "Beans", "Tuna"), ("200 g", "400 g")),
    Family("YOG", "cup", (66, 95), (70, 110), (66, 95),
           ("Yoghurt", "Pudding", "Quark", "Dessert"), ("150 g", "500 g")),
    Family("TEA", "box", (90, 150), (90, 150), (60, 80),
           ("Black tea", "Herbal tea", "Biscuits", "Crackers"), ("100 g", "20 bags")),
    Family("CARE", "tube", (50, 70), (140, 190), (40, 55),
           ("Toothpaste", "Hand cream", "Sun milk", "Shower gel"), ("75 ml", "200 ml")),
    Family("SMALL", "blister", (80, 120), (120, 180), (30, 45),
           ("Batteries", "Razor blades", "Light bulb", "Glue"), ("2 pieces", "4 pieces")),
)  # fmt: skip
BRANDS = (
    "Alba", "Bergfeld", "Corvo", "Duna", "Elmo", "Fjord", "Granja", "Hanko", "Ilva", "Jolanta", "Kestrel", "Lumo",
    "Mirto", "Nordal", "Orsa", "Pinar", "Quill", "Rivela", "Sorrel", "Tamar", "Umbra", "Velo", "Wren", "Zola",
)  # fmt: skip
VARIANTS = ("", "classic", "light", "bio", "extra", "mild", "family", "fresh", "gold", "plus", "red", "zero")
