"""The table of rules finds settings by their keys."""

import pytest

from glip_pl.running.setting_rules import RULES, rule_of


@pytest.mark.parametrize(
    ("key", "right", "wrong"),
    [
        ("data.batch_size", 1, 0),
        ("batch_size", 1, 1.5),
        ("data.train.mine.weight", 0.5, 0),
        ("data.train.mine.dataset.sampler.full_probability", 1, 2),
        ("data.test.seen.transform.short_sides", [1], []),
        ("trainer.limit_val_batches", 0, -1),
        ("tolerate", 0, 5),
        ("data.train.mine.dataset.tolerate", 0.5, 5),
        ("callbacks.ema.decay", 0.99, 2),
        ("callbacks.ema", None, 5),
        ("callbacks.last.every_steps", 1, 0),
        ("data.prepare.world.side", 64, 8),
        ("world.side", 64, 8),
        ("seed", 2**32 - 1, 2**32),
        ("paths.index", "x", ""),
    ],
)
def test_rules_are_found_by_key(key: str, right: object, wrong: object) -> None:
    rule = rule_of(key)
    assert rule is not None and rule.accepts(right) and not rule.accepts(wrong)


def test_a_pattern_does_not_cross_a_dot_by_one_star() -> None:
    assert rule_of("callbacks.mine.anything") is None
    assert rule_of("nonsense") is None


def test_no_rule_is_hidden_by_an_earlier_one() -> None:
    """The first rule that fits is used, so a key that two patterns name must be in the first."""
    keys = [key for pattern in RULES for key in pattern.split("|")]
    assert len(keys) == len(set(keys))
    for pattern, rule in RULES.items():
        for key in pattern.split("|"):
            assert rule_of(key.replace("**.", "a.b.").replace("**", "").replace("*", "x")) == rule
