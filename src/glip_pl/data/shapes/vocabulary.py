"""What exists in ShapesWorld, how it is called, and what is never shown together."""

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
"""RGB, 0..255."""

TEXTURES = ("plain", "striped", "dotted")
SIZES = ("small", "large")

UNSEEN = frozenset(
    zip(
        COLOURS,
        ("star", "ring", "heart", "square", "moon", "cross", "circle", "triangle"),
        strict=True,
    )
)
"""Colour-shape pairs that no training image holds: one for every colour and every shape."""

RARE = frozenset(
    zip(
        COLOURS,
        ("cross", "heart", "moon", "ring", "star", "square", "triangle", "circle"),
        strict=True,
    )
)
"""Pairs that few pictures of detection and grounding data hold, and of the web as many as others:
one for every colour and every shape.
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
"""Seen pairs by names that appear nowhere in training: only pretrained words can tell."""

NUMBERS = {1: "a", 2: "two", 3: "three", 4: "four"}
