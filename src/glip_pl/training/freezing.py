"""Which parts of a model train, given as a list of module paths."""

from collections.abc import Sequence

from torch import nn

from glip_pl.errors import UserError

EVERYTHING = "all"
"""The path that stands for the whole model."""


def train_only(model: nn.Module, paths: Sequence[str]) -> None:
    """Freeze all parameters except those below `paths`, such as "head" or "fusions.0", or "all".

    Raises UserError if a path matches nothing.
    """
    # A module without parameters counts as a match: a model without fusion has such `fusions`.
    known = {name for name, _ in [*model.named_modules(), *model.named_parameters()]}
    for path in paths:
        if path != EVERYTHING and path not in known:
            tops = ", ".join(name for name, _ in model.named_children())
            raise UserError(
                f"tuning.trains lists {path!r}, which matches nothing. The model's parts are: "
                f"{tops} (and dotted paths inside them), or {EVERYTHING!r}"
            )
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(any(path == EVERYTHING or _below(name, path) for path in paths))


def _below(name: str, path: str) -> bool:
    return name == path or name.startswith(f"{path}.")


def set_frozen_modules_to_eval(model: nn.Module) -> None:
    """Switch off dropout and the like in every module whose parameters are all frozen."""
    for module in model.children():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()
        else:
            set_frozen_modules_to_eval(module)
