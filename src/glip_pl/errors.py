"""The one exception that is shown to people without a traceback."""


class UserError(Exception):
    """Something the user can mend: the message names the culprit, the setting and the remedy."""
