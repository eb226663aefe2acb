from rich.console import Console
from torch import nn

from glip_pl.training.callbacks.parts_table import parts_table


def test_each_part_has_its_numbers_and_rates() -> None:
    model = nn.ModuleDict({"encoder": nn.Linear(2, 3), "head": nn.Linear(3, 4)})
    model["encoder"].weight.requires_grad_(False)
    rates = {id(model["encoder"].bias): 2e-4, id(model["head"].weight): 1e-4}
    console = Console(width=100, record=True)
    console.print(parts_table(model, rates))
    rows = [line.replace("│", " ").split() for line in console.export_text().splitlines()]
    assert ["encoder", "9", "3", "0.0002"] in rows
    assert ["head", "16", "16", "0.0001"] in rows
    assert ["all", "25", "19"] in rows
    model["head"].requires_grad_(False)
    console.print(parts_table(model, {}))
    assert "frozen" in console.export_text()
