"""Checks the settings of a command once, before anything is built from them."""

import inspect
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from hydra.utils import get_object
from omegaconf import DictConfig, ListConfig, OmegaConf

from glip_pl.errors import UserError, some
from glip_pl.running.setting_rules import rule_of
from glip_pl.running.settings import plain
from glip_pl.running.value_rules import TARGET, Rule, shown_value

VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
"""Kinds of parameters that stand for any number of arguments."""


SHARDED = "glip_pl.training.sharding.ShardedStrategy"
"""The strategy of trainer=fsdp, as settings name it."""


@dataclass(frozen=True)
class Fault:
    """A setting with a wrong value, or one that does not exist."""

    key: str
    value: Any
    remedy: str
    linked: bool  # whether the value is that of another setting

    def __str__(self) -> str:
        """The setting as it is typed, and what is wrong with it."""
        return f"{self.key}={shown_value(self.value)}: {self.remedy}"


@dataclass(frozen=True)
class Arguments:
    """The arguments of the class or function that a node builds."""

    rules: Mapping[str, Rule]
    any_name: bool  # whether there may be others


def check_settings(config: DictConfig) -> None:
    """Raise UserError naming the settings whose values have a wrong type or are out of range."""
    faults = list(_faults(config, ""))
    # A wrong value is wrong in all settings that refer to it, too.
    named = [fault for fault in faults if not fault.linked] or faults
    if named:
        raise UserError(some([str(fault) for fault in named]))


def check_sharding(config: DictConfig) -> None:
    """Raise UserError if a sharded training (trainer=fsdp) is to do what it cannot."""
    strategy = config.trainer.get("strategy")
    if not isinstance(strategy, DictConfig) or strategy.get(TARGET) != SHARDED:
        return
    if config.callbacks.get("ema") is not None:
        raise UserError(
            "trainer=fsdp shards the weights, and the moving average is a whole copy of them: "
            "switch it off with callbacks.ema=null, or use trainer=ddp"
        )
    if config.get("compile", "off") != "off":
        raise UserError(
            f"trainer=fsdp with compile={config.compile}: layers that are gathered before they "
            "compute are not compiled. Leave compile out, or use trainer=ddp"
        )
    if config.model.prompts:
        raise UserError(
            f"trainer=fsdp with model.prompts={config.model.prompts} (tuning=prompt): a learned "
            "prompt has few weights to shard. Use trainer=ddp"
        )
    if config.model.get("padding", "shared") != "shared":
        raise UserError(
            f"trainer=fsdp with model.padding={config.model.padding}: processes gather the weights "
            "together, and the number of parts of a batch would differ between them. Use "
            "trainer=ddp, or model.padding=shared"
        )


def check_examples(config: DictConfig) -> None:
    """Raise UserError if examples are to be trained (data.visual_prompts) where nothing can learn.

    The part of the model that reads them must be there and must be trained.
    """
    share = config.data.get("visual_prompts", 0)
    if not share:
        return
    if not config.model.get("visual_prompts", False):
        raise UserError(
            f"data.visual_prompts={share} with model.visual_prompts=false: the model needs the "
            "part that reads examples; leave model.visual_prompts out"
        )
    if not {"all", "visual"} & set(config.tuning.trains):
        raise UserError(
            f"data.visual_prompts={share} trains a model to read examples, and tuning.trains="
            f"{plain(config.tuning.trains)} leaves out the part that reads them: add visual, or "
            "set data.visual_prompts=0"
        )


def _faults(node: DictConfig, prefix: str) -> Iterator[Fault]:
    """The faults of the settings in a node; `prefix` is its key with a final dot."""
    try:
        arguments = _arguments(node)
    except UserError as error:
        yield Fault(f"{prefix}{TARGET}", node[TARGET], str(error), linked=False)
        return
    names: list[Any] = list(node)  # some are numbers
    for name in names:
        if OmegaConf.is_missing(node, name) or name == TARGET:
            continue
        value = node[name]
        linked = OmegaConf.is_interpolation(node, name)
        if linked and isinstance(value, DictConfig | ListConfig):
            continue  # checked where it is defined
        key = f"{prefix}{name!s}"
        simple = plain(value) if isinstance(value, DictConfig | ListConfig) else value
        remedy = _remedy(key, simple, arguments)
        if remedy is not None:
            yield Fault(key, simple, remedy, linked)
        else:
            yield from _faults_below(value, key)


def _faults_below(value: Any, key: str) -> Iterator[Fault]:
    """The faults of the settings in a value, if it is a node or a list of nodes."""
    if isinstance(value, DictConfig):
        yield from _faults(value, f"{key}.")
    elif isinstance(value, ListConfig):
        for number, member in enumerate(value):
            yield from _faults_below(member, f"{key}.{number}")


def _remedy(key: str, value: Any, arguments: Arguments) -> str | None:
    """What the value of a setting must be instead; None if it is right."""
    rule, name = rule_of(key), key.rpartition(".")[2]
    if rule is not None and rule.allows_besides(value):
        return None
    if not arguments.any_name and name not in arguments.rules and not name.startswith("_"):
        alike = get_close_matches(name, arguments.rules, 1)
        known = f"did you mean {alike[0]}?" if alike else f"there are {', '.join(arguments.rules)}"
        return f"no such setting; {known}"
    for needed in (rule, arguments.rules.get(name)):
        if needed is None or needed.accepts(value):
            continue
        quoted = ""
        if isinstance(value, int | float) and needed.accepts(str(value)):
            quoted = f"; quote a text that looks like a number: \"{key}='{value}'\""
        return f"must be {needed}{quoted}"
    return None


def _arguments(node: DictConfig) -> Arguments:
    """The arguments of what a node builds, by their signature; any, if it builds nothing.

    Raises UserError if there is no such class or function.
    """
    if TARGET not in node:
        return Arguments({}, any_name=True)
    target = node[TARGET]
    if not isinstance(target, str):
        raise UserError("must be the name of a class or function")
    try:
        built = get_object(target)
        parameters = inspect.signature(built).parameters
    except (ImportError, ValueError, TypeError) as error:
        raise UserError("no such class or function") from error
    try:
        hints = typing.get_type_hints(built.__init__ if inspect.isclass(built) else built)
    except NameError:  # a type that is imported for type checkers only
        hints = {}
    named = {name: part for name, part in parameters.items() if part.kind not in VARIABLE}
    return Arguments(
        {name: Rule(hints.get(name, Any)) for name in named},
        any_name=any(part.kind is part.VAR_KEYWORD for part in parameters.values()),
    )
