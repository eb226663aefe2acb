"""What all commands share: where their settings lie, and how their errors are shown."""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import hydra
import torch
from hydra.errors import InstantiationException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from glip_pl.errors import UserError

_PACKED = Path(__file__).parent / "conf"
CONF_DIR = _PACKED if _PACKED.is_dir() else Path(__file__).parents[2] / "conf"
"""In a wheel the settings lie in the package, in a clone at its top."""

EXIT_USER_ERROR = 2


def automatic_precision() -> str:
    """Lightning's name for bf16 if a GPU knows it, else for fp32."""
    can = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16-mixed" if can else "32-true"


def register_resolvers() -> None:
    """Make `${automatic_precision:}` known to the settings; harmless to repeat."""
    OmegaConf.register_new_resolver("automatic_precision", automatic_precision, replace=True)


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
