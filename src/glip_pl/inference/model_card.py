"""The card of a model on the hub: what it is, how it is used, and what it was measured to do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from glip_pl.files.hashing import sha256_of
from glip_pl.files.reading import read_json

TASK = "zero-shot-object-detection"
"""The hub's name of what the models do."""

USAGE = """\
## Use

```python
import glip_pl

predictor = glip_pl.Predictor.from_pretrained("{name}")
result = predictor("photo.jpg", "a cat. two dogs")
print(result.boxes, result.scores, result.names)
```

A text names what to look for, with full stops between its phrases; a list of names does, too.
The short side of a picture is resized to {short} pixels, the long one to {longest} at most.
"""

FIGURES = """\
## Figures

In percent, as `results.json` of the evaluation has them.

| set | images | protocol | {columns} |
| --- | --- | --- | {line} |
{rows}
"""

COLUMNS = ("AP", "AP50", "AP75", "R@1", "R@5", "P@1")
"""Figures that the table shows if a set has them."""


def results_of(checkpoint: Path) -> dict[str, Any] | None:
    """The results of the run whose folder holds a checkpoint; None if they are of another one."""
    path = checkpoint.absolute().parents[1] / "results.json"
    try:
        content: dict[str, Any] = read_json(path)
        same = content["checkpoint"]["sha256"] == sha256_of(checkpoint)
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return content if same else None


def model_card(
    config: Mapping[str, Any],
    results: Mapping[str, Any] | None,
    name: str = "owner/name",
    description: str = "",
    **metadata: Any,
) -> ModelCard:
    """The card of a model with the settings `config` of its checkpoint.

    `results` is the content of results.json; `name` is that on the hub; `metadata` are fields of
    huggingface_hub's ModelCardData, such as license and datasets.
    """
    data = ModelCardData(
        library_name="glip_pl",
        pipeline_tag=TASK,
        tags=sorted({"glip", "object-detection", "open-vocabulary", *metadata.pop("tags", [])}),
        model_name=name.rpartition("/")[2],
        eval_results=_evaluations(results) or None,
        **metadata,
    )
    transform = config.get("eval_transform") or {"short_sides": [800], "max_side": 1333}
    parts = [
        f"# {name.rpartition('/')[2]}",
        description or "Detects in pictures what a text names (GLIP, arXiv 2112.03857).",
        USAGE.format(
            name=name, short=transform["short_sides"][0], longest=transform["max_side"]
        ).strip(),
        _figures(results) if results else "",
    ]
    body = "\n\n".join(part for part in parts if part)
    return ModelCard(f"---\n{data.to_yaml()}\n---\n\n{body}\n", ignore_metadata_errors=False)


def _sets(results: Mapping[str, Any] | None) -> dict[str, dict[str, float]]:
    """The overall figures of each set, without those of single categories and those of nothing."""
    return {
        name: {
            key: value
            for key, value in one["figures"].items()
            if "/" not in key and value is not None
        }
        for name, one in ((results or {}).get("sets") or {}).items()
    }


def _evaluations(results: Mapping[str, Any] | None) -> list[EvalResult]:
    """The figures as the hub shows them beside a model."""
    return [
        EvalResult(
            task_type="object-detection",
            dataset_type=name,
            dataset_name=name,
            metric_type=key,
            metric_name=key,
            metric_value=round(100 * value, 2),
        )
        for name, figures in _sets(results).items()
        for key, value in figures.items()
        if key in COLUMNS
    ]


def _figures(results: Mapping[str, Any]) -> str:
    """The figures as a table."""
    sets = _sets(results)
    columns = [key for key in COLUMNS if any(key in figures for figures in sets.values())]
    rows = []
    for name, figures in sets.items():
        one = results["sets"][name]
        cells = [f"{100 * figures[key]:.1f}" if key in figures else "" for key in columns]
        rows.append(f"| {name} | {one['images']} | {one['protocol']} | {' | '.join(cells)} |")
    return FIGURES.format(
        columns=" | ".join(columns), line=" | ".join("---" for _ in columns), rows="\n".join(rows)
    ).strip()
