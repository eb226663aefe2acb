"""Rules that a value of the settings keeps: a type, and bounds of its numbers, with their words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

TARGET = "_target_"
"""Key of the class or function that Hydra calls with the other settings of a node."""


@dataclass(frozen=True)
class Rule:
    """The type of a value, as a hint, and bounds of every number in it."""

    hint: Any
    least: float = -inf
    most: float = inf
    above: float = -inf  # as `least`, but excluded
    below: float = inf  # as `most`, but excluded
    other: tuple[Any, ...] = ()  # values that are allowed as well
    empty: bool = True  # whether a text or a list may be empty

    def accepts(self, value: Any) -> bool:
        """Whether the value has the type and its numbers are within the bounds."""
        if self.allows_besides(value):
            return True
        if not self.empty and value in ("", []):
            return False
        return fits(value, self.hint) and all(map(self._within, _numbers(value)))

    def allows_besides(self, value: Any) -> bool:
        """Whether it is one of the values that are allowed whatever their type."""
        return any(type(value) is type(choice) and value == choice for choice in self.other)

    def _within(self, number: float) -> bool:
        return self.least <= number <= self.most and self.above < number < self.below

    def __str__(self) -> str:
        """What the value must be, in words."""
        first, *others = dict.fromkeys([*alternatives(self.hint), *map(shown_value, self.other)])
        *early, last = f"{first}{self._range()}", *others
        words = f"{', '.join(early)} or {last}" if early else last
        return words if self.empty else f"{words}, not empty"

    def _range(self) -> str:
        """The bounds in words."""
        if self.least > -inf and self.most < inf:
            return f" from {self.least:g} to {self.most:.12g}"
        parts = [
            *([f" of {self.least:g} or more"] if self.least > -inf else []),
            *([f" above {self.above:g}"] if self.above > -inf else []),
            *([f" below {self.below:g}"] if self.below < inf else []),
        ]
        return " and".join(parts)


def _numbers(value: Any) -> Iterator[float]:
    """The numbers in a value and in its lists."""
    if isinstance(value, list):
        for member in value:
            yield from _numbers(member)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def fits(value: Any, hint: Any) -> bool:
    """Whether a value of the settings has a type; unknown hints fit all values.

    A node with a `_target_` fits every type: what it builds is known only afterwards.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if isinstance(value, dict) and TARGET in value:
        return True
    if origin in (Union, UnionType):
        return any(fits(value, member) for member in arguments)
    if origin is Literal:
        return any(type(value) is type(choice) and value == choice for choice in arguments)
    if isinstance(hint, type) and hint in SCALARS:
        return SCALARS[hint].accepts(value)
    container = origin or hint
    if container in (Any, object) or not isinstance(container, type):  # such as a type variable
        return True
    if issubclass(container, Mapping):
        return isinstance(value, dict) and all(
            fits(member, arguments[1]) for member in value.values() if arguments
        )
    if issubclass(container, Sequence):
        member_hint = arguments[0] if arguments else Any
        return isinstance(value, list) and all(fits(member, member_hint) for member in value)
    try:
        return isinstance(value, container)
    except TypeError:  # a protocol, which plain values do not fulfil
        return False


@dataclass(frozen=True)
class Scalar:
    """A type without parts: the Python types of its values, and its names for people."""

    types: tuple[type, ...]
    name: str
    plural: str

    def accepts(self, value: Any) -> bool:
        """Whether a value has exactly one of the types; infinity and NaN are no numbers."""
        return type(value) in self.types and not (isinstance(value, float) and not isfinite(value))


SCALARS: dict[type, Scalar] = {
    bool: Scalar((bool,), "true or false", "true or false"),
    int: Scalar((int,), "a whole number", "whole numbers"),
    float: Scalar((int, float), "a number", "numbers"),
    str: Scalar((str,), "text", "texts"),
    Path: Scalar((str,), "text", "texts"),
    NoneType: Scalar((NoneType,), "null", "null"),
}
"""The types without parts."""


def alternatives(hint: Any) -> list[str]:
    """A type in words; several if a value may have one of several types."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return [word for member in arguments for word in alternatives(member)]
    if origin is Literal:
        return [str(choice) for choice in arguments]
    if isinstance(hint, type) and hint in SCALARS:
        return [SCALARS[hint].name]
    container = origin or hint
    if isinstance(container, type) and issubclass(container, Mapping):
        return ["a dictionary"]
    if isinstance(container, type) and issubclass(container, Sequence):
        member = SCALARS.get(arguments[0]) if arguments else None
        return [f"a list of {member.plural}" if member else "a list"]
    return [f"settings with a {TARGET}"]


def shown_value(value: Any) -> str:
    """A value as it is typed on a command line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = str(value)
    return text if len(text) <= 100 else f"{text[:100]}..."
