"""Counts of a labelling job, by shard and in total."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from glip_pl.labelling.quality import LabelQuality

COUNTED = ("captions", "phrases", "pictures", "boxes")
"""Keys of the counts in manifests and in report.json."""

RATES = ("precision", "recall")
"""Columns of the printed table that are percentages."""


@dataclass
class LabelSummary:
    """What a shard holds, or what several shards hold together."""

    counts: Counter[str] = field(default_factory=Counter)  # by the keys in COUNTED
    quality: LabelQuality = field(default_factory=LabelQuality)
    bad_pictures: list[str] = field(default_factory=list)  # messages about unreadable pictures

    def manifest(self) -> dict[str, Any]:
        """The summary of a shard as JSON, which `add_manifest` reads."""
        return {**self.counts, "quality": self.quality.counts(), "bad": self.bad_pictures}

    def add_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Add the manifest of a shard."""
        self.counts.update({key: manifest.get(key, 0) for key in COUNTED})
        self.quality.add_counts(manifest["quality"])
        self.bad_pictures.extend(manifest["bad"])

    def report(self) -> dict[str, Any]:
        """The content of report.json."""
        totals = {key: self.counts[key] for key in COUNTED}
        return {**totals, "scores": self.quality.table(), "bad": self.bad_pictures}

    def show(self) -> None:
        """Print the totals, and a table with a row for every second score."""
        captions, pictures = max(1, self.counts["captions"]), max(1, self.counts["pictures"])
        print(
            f"{self.counts['phrases'] / captions:.1f} phrases per caption, "
            f"{self.counts['boxes'] / pictures:.1f} boxes per picture"
        )
        table = Table("score above", "boxes", *RATES)
        for row in self.quality.table()[::2]:
            rates = ("-" if row[key] is None else f"{100 * row[key]:.1f}" for key in RATES)
            table.add_row(f"{row['score']:.1f}", f"{row['boxes']:,}", *rates)
        Console().print(table)
        totals = ", ".join(f"{self.counts[key]:,} {key}" for key in COUNTED)
        print(f"{totals}, {len(self.bad_pictures)} unreadable pictures")
