"""Results as a table for people and a JSON file for programs."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

COLUMNS = ("AP", "AP50", "AP75", "AR")


def show_results(results: Mapping[str, Mapping[str, Any]], title: str, path: Path) -> None:
    """Print a row per evaluation set and write all numbers to `path`."""
    table = Table(title=title)
    table.add_column("set")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for name, values in results.items():
        table.add_row(name, *(f"{100 * values[column]:.1f}" for column in COLUMNS))
    Console().print(table)
    path.parent.mkdir(parents=True, exist_ok=True)
    # JSON has no word for "not a number"; null says that there was nothing to find.
    clean = {
        name: {key: None if math.isnan(value) else value for key, value in values.items()}
        for name, values in results.items()
    }
    path.write_text(json.dumps(clean, indent=1, allow_nan=False))
    print(f"all numbers: {path}")
