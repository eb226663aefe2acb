import pytest

from glip_pl.inspection.action_help import EXAMPLES, SUMMARIES, help_of, overview
from glip_pl.inspection.commands import ACTIONS


def test_the_overview_has_a_line_for_each_action() -> None:
    assert list(ACTIONS) == list(SUMMARIES) == list(EXAMPLES)
    for action, summary in SUMMARIES.items():
        assert f"{action:8} {summary}" in overview()


@pytest.mark.parametrize("action", ACTIONS)
def test_the_help_of_an_action_has_its_settings_and_an_example(action: str) -> None:
    said = help_of(action)
    assert EXAMPLES[action] in said
    assert ("sets: null" in said) == (action != "clean")
    own = {"check": "pictures: exist", "browse": "count: 48", "clean": "remove: null"}
    assert {name for name, setting in own.items() if setting in said} == {action} & set(own)
