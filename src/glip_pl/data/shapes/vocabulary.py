"""Shapes, colours and textures of ShapesWorld, their names, and which pairs are held out."""

SHAPES = ("circle", "square", "triangle", "star", "ring", "cross", "heart", "moon")

COLOURS = {
    "red": (214, 40, 40),
    "orange": (245, 140, 20),
    "yellow": (245, 220, 50),
    "green": (40, 160, 70),
    "blue": (40, 90, 215),
    "purple": (130, 50, 170),
    "black": (25, 25, 25),
    "white": (245, 245, 245),
}
"""RGB of each colour, 0..255."""

TEXTURES = ("plain", "striped", "dotted")
SIZES = ("small", "large")

UNSEEN = frozenset(
    zip(
        COLOURS,
        ("star", "ring", "heart", "square", "moon", "cross", "circle", "triangle"),
        strict=True,
    )
)
"""Colour-shape pairs that no training picture shows: one for every colour and every shape."""

RARE = frozenset(
    zip(
        COLOURS,
        ("cross", "heart", "moon", "ring", "star", "square", "triangle", "circle"),
        strict=True,
    )
)
"""Colour-shape pairs that few pictures of detection and grounding data show, but as many web pairs
as any other: one for every colour and every shape.
"""

SYNONYMS = {
    ("red", "circle"): "crimson disc",
    ("yellow", "ring"): "golden hoop",
    ("blue", "square"): "azure box",
    ("green", "triangle"): "emerald pyramid",
    ("purple", "moon"): "violet crescent",
    ("black", "cross"): "ebony plus sign",
    ("orange", "star"): "tangerine pentagram",
    ("white", "heart"): "ivory valentine",
}
"""Names of seen pairs that occur nowhere in training; only a pretrained text encoder knows them."""

OPPOSITES = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
"""The relations of captions; the opposite holds the other way round."""

NUMBERS = {1: "a", 2: "two", 3: "three", 4: "four"}
"""Words for the number of objects that a phrase describes."""

NOVEL = {
    "blicket": "arrow",
    "dax": "hourglass",
    "wug": "lightning bolt",
    "fep": "letter l",
    "toma": "mushroom",
    "zorp": "fish",
}
"""Invented names, which no text encoder knows, of shapes that no training picture shows; what the
shapes would be called.
"""
