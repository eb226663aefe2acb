from glip_pl.data.shapes.scenes import SEEN
from glip_pl.data.shapes.vocabulary import COLOURS, RARE, SHAPES, SYNONYMS, UNSEEN


def test_unseen_and_rare_pairs_have_every_colour_and_every_shape_once() -> None:
    for pairs in (UNSEEN, RARE):
        assert len(pairs) == len(SHAPES) == len(COLOURS)
        assert {shape for _, shape in pairs} == set(SHAPES)
        assert {colour for colour, _ in pairs} == set(COLOURS)


def test_held_out_groups_do_not_overlap() -> None:
    assert not set(SEEN) & UNSEEN
    assert not RARE & (UNSEEN | set(SYNONYMS))
    assert set(SYNONYMS) <= set(SEEN)


def test_synonyms_contain_no_word_of_the_vocabulary() -> None:
    words = {word for name in SYNONYMS.values() for word in name.split()}
    assert not words & {*SHAPES, *COLOURS}
    assert len(set(SYNONYMS.values())) == len(SYNONYMS)
