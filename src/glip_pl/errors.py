"""The one exception that is shown to people without a traceback."""

from collections.abc import Sequence


class UserError(Exception):
    """Something the user can mend: the message names the culprit, the setting and the remedy."""


def some(names: Sequence[str], count: int = 4) -> str:
    """The first names of a list that may be long, for a message."""
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more
