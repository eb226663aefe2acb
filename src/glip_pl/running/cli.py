"""What all commands share: where their settings lie, and how their errors are shown."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import hydra
from hydra.errors import InstantiationException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from glip_pl.errors import UserError
from glip_pl.files.shipped_settings import CONF_DIR
from glip_pl.running.settings import register_resolvers

EXIT_USER_ERROR = 2


def command(config_name: str) -> Callable[[Callable[[DictConfig], Any]], Callable[[], Any]]:
    """Make a function of settings a command: composed by Hydra, user errors without traceback."""

    def decorate(task: Callable[[DictConfig], Any]) -> Callable[[], Any]:
        @wraps(task)
        def shown(config: DictConfig) -> Any:
            try:
                _check_complete(config)
                return task(config)
            except (UserError, InstantiationException, OmegaConfBaseException) as error:
                message = user_message(error)
                if message is None:
                    raise
                print(f"error: {message}", file=sys.stderr)
                if config.get("keep_going"):  # with the next job of a sweep
                    return float("nan")
                sys.exit(EXIT_USER_ERROR)

        register_resolvers()
        decorated: Callable[[], Any] = hydra.main(
            version_base="1.3", config_path=str(CONF_DIR), config_name=config_name
        )(shown)
        return decorated

    return decorate


def _check_complete(config: DictConfig) -> None:
    """Raise UserError if settings marked ??? were not given."""
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        given = " ".join(f"{key}=..." for key in missing)
        raise UserError(f"missing on the command line: {given}")


def user_message(error: BaseException) -> str | None:
    """What to tell about an error that the user can mend; None if it is a fault of ours."""
    if isinstance(error, OmegaConfBaseException):
        return str(error.msg or error).splitlines()[0] + f" (setting {error.full_key})"
    if isinstance(error, InstantiationException):
        # Hydra puts the setting that it was building in the last line.
        cause = error.__cause__
        message = user_message(cause) if cause is not None else None
        key = str(error).rpartition("full_key: ")[2]
        return f"{message} (while building the setting `{key}`)" if message else None
    if isinstance(error, UserError):
        # A loader worker sends its traceback as the message; the last line is what we raised.
        return str(error).rpartition("UserError: ")[2].strip()
    return None
