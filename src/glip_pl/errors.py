"""The exception that commands show to users without a traceback."""

import reprlib
from collections.abc import Sequence
from importlib.util import find_spec


class UserError(Exception):
    """A fault that the user can correct: the message names cause, setting and remedy."""


def require_extra(module: str, extra: str, purpose: str) -> None:
    """Raise UserError, with the command to type, unless the module of an extra is installed."""
    if find_spec(module) is None:
        raise UserError(f"{purpose} needs {module}: pip install 'glip_pl[{extra}]'")


def some(names: Sequence[str], count: int = 4) -> str:
    """The first `count` names of a list and the number of the others, for a message."""
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more


def first_line(error: BaseException, length: int = 200) -> str:
    """The first line of what an exception says, cut to `length` characters, for a message."""
    return next(iter(str(error).splitlines()), "")[:length]


_SHORT = reprlib.Repr()  # of nested lists the first levels and members only
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60


def shown(value: object, length: int = 60) -> str:
    """A text as it is and any other value as Python writes it, cut, for a message."""
    try:
        return (value if isinstance(value, str) else _SHORT.repr(value))[:length]
    except ValueError:  # Python does not write integers of more than 4300 digits
        return "a number of thousands of digits"
