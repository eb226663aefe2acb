"""What all commands have in common: where their settings are, and how they show errors."""

import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import hydra
from hydra.errors import HydraException, InstantiationException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from glip_pl.errors import UserError, first_line
from glip_pl.files.shipped_settings import CONF_DIR
from glip_pl.running.command_line import readable_words
from glip_pl.running.composing import RaisedErrors, composing_message
from glip_pl.running.home import expand_home
from glip_pl.running.outputs import check_folder
from glip_pl.running.setting_checks import check_settings
from glip_pl.running.settings import register_resolvers
from glip_pl.terminal.closed_output import ends_with_its_reader

EXIT_USER_ERROR = 2
"""Exit code of a command that stopped at an error of the user."""

EXIT_INTERRUPTED = 128 + signal.SIGINT
"""Exit code of a command that was stopped by Ctrl-C, as shells give it."""


def command(
    config_name: str, output: str | None = None, guide: str | None = None
) -> Callable[[Callable[[DictConfig], Any]], Callable[[], Any]]:
    """A decorator that turns a function of settings into a command.

    Hydra composes its settings, which are checked before the function is called; `output` is the
    setting of the folder that it writes to. `guide` is shown instead if there is no word on the
    command line. Errors of the user are shown without a traceback.
    """

    def decorate(task: Callable[[DictConfig], Any]) -> Callable[[], Any]:
        composing = RaisedErrors()

        @wraps(task)
        def run_task(config: DictConfig) -> Any:
            composing.end()
            try:
                _prepare(config, output)
                with ends_with_its_reader():
                    return task(config)
            except (UserError, InstantiationException, OmegaConfBaseException) as error:
                _show(error)
                if config.get("keep_going") is True:  # a sweep continues with its next job
                    return float("nan")
                sys.exit(EXIT_USER_ERROR)

        register_resolvers()
        run_with_settings: Callable[[], Any] = hydra.main(
            version_base="1.3", config_path=str(CONF_DIR), config_name=config_name
        )(run_task)

        @wraps(task)
        @ends_with_its_reader()
        def main() -> Any:
            if guide is not None and not sys.argv[1:]:
                print(guide)
                sys.exit(EXIT_USER_ERROR)  # nothing was done, so that what follows does not run
            return _run_command_line(run_with_settings, composing)

        return main

    return decorate


def _run_command_line(run_with_settings: Callable[[], Any], composing: RaisedErrors) -> Any:
    """Run a function that Hydra calls with the settings of the command line."""
    try:
        sys.argv[1:] = readable_words(sys.argv[1:])  # Hydra reads them from here
        composing.start()
        return run_with_settings()
    except UserError as error:
        _show(error)
    except HydraException as error:
        print(f"error: {composing_message(error)}", file=sys.stderr)
    except BrokenPipeError:
        raise
    except OSError as error:  # of making Hydra's folder: those of the task do not get here
        print(f"error: {error} (the folder is hydra.run.dir)", file=sys.stderr)
    except KeyboardInterrupt:
        print("stopped by Ctrl-C", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    finally:
        composing.end()
    sys.exit(EXIT_USER_ERROR)


def _prepare(config: DictConfig, output: str | None) -> None:
    """Check the settings of a command, and expand `~` in them. Raises UserError."""
    _check_complete(config)
    expand_home(config)
    check_settings(config)
    if output is not None:
        check_folder(Path(OmegaConf.select(config, output)), output)


def _show(error: Exception) -> None:
    """Print the message of an error; raise it again if it is one of the program."""
    message = user_message(error)
    if message is None or os.environ.get("HYDRA_FULL_ERROR") == "1":
        raise error
    print(f"error: {message}", file=sys.stderr)


def _check_complete(config: DictConfig) -> None:
    """Raise UserError if settings marked ??? were not given."""
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        settings = " ".join(f"{key}=..." for key in missing)
        raise UserError(f"missing on the command line: {settings}")


def user_message(error: BaseException) -> str | None:
    """The message of an error that the user can correct; None for an error of the program."""
    if isinstance(error, OmegaConfBaseException):
        return str(error.msg or error).splitlines()[0] + f" (setting {error.full_key})"
    if isinstance(error, InstantiationException):
        # The last line of Hydra's message names the setting that it was building.
        cause = error.__cause__
        message = user_message(cause) if cause is not None else None
        key = str(error).rpartition("full_key: ")[2]
        if message is None:  # of the library that the settings name; HYDRA_FULL_ERROR=1 shows all
            message = f"{type(cause or error).__name__}: {first_line(cause or error)}"
        return f"{message} (while building the setting `{key}`)"
    if isinstance(error, UserError):
        # The message of a loader worker is its traceback, whose last line is our message.
        return str(error).rpartition("UserError: ")[2].strip()
    return None
