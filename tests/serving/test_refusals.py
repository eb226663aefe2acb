from glip_pl.serving.refusals import TOO_LARGE, WRONG, too_large, wrong


def test_what_is_too_large_is_named_with_its_limit() -> None:
    error = too_large("names", "250 names", 100)
    assert error.status_code == TOO_LARGE == 413
    assert error.detail == "names: 250 names; this server takes at most 100"


def test_a_wrong_value_has_its_own_status() -> None:
    error = wrong("names: the list is empty")
    assert error.status_code == WRONG == 422
    assert error.detail == "names: the list is empty"
