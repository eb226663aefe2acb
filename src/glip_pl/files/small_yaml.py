"""Reads small YAML files, without what can make a small file large."""

from pathlib import Path
from typing import Any

import yaml

from glip_pl.errors import UserError

MAX_BYTES = 1 << 20
"""Bytes of a YAML file that is read; the largest released one, of knowledge, has 232,234."""

MAX_DEPTH = 20
"""Most levels of lists and mappings inside each other."""

MALFORMED = (
    *(OSError, yaml.YAMLError),
    *(ValueError, LookupError, ArithmeticError, TypeError, AttributeError),
)
"""Errors that PyYAML raises on damaged files."""


class _PlainLoader(yaml.SafeLoader):
    """Refuses deep nesting, and aliases: a few lines of them can stand for billions of values."""

    depth = 0  # of the node that is read

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it has aliases (`*name`); write the values themselves")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.YAMLError(f"it is nested more than {MAX_DEPTH} deep")
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def read_small_yaml(path: Path) -> Any:
    """What a YAML file holds. Raises UserError if it is malformed, has aliases or is too large."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES} bytes")
        return yaml.load(content, _PlainLoader)  # a subclass of SafeLoader
    except MALFORMED as error:
        summary = " ".join(str(error).split())[:200]
        raise UserError(f"cannot read {path}: {summary}") from error
