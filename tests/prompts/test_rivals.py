from glip_pl.prompts.rivals import rival_groups


def test_phrases_of_several_words_with_the_same_last_one_are_rivals() -> None:
    phrases = ["red car", "car", "Blue  Car ", "with a helmet", "without a helmet", "helmet", "bus"]
    groups = rival_groups(phrases)
    assert groups[0] == groups[2] and groups[3] == groups[4]
    assert len(set(groups)) == 5
    assert rival_groups([]) == []


def test_a_phrase_without_words_has_no_rivals() -> None:
    assert len(set(rival_groups(["", " ", "a a", "a"]))) == 4
