import pytest

from tools.pythons.request import Request, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3.14", Request(3, 14)),
        ("3.14t", Request(3, 14, free_threaded=True)),
        ("3.9", Request(3, 9)),
    ],
)
def test_a_version_is_one_request_that_prints_as_it_was_written(
    text: str, expected: Request
) -> None:
    assert parse(text) == (expected,)
    assert str(expected) == text


def test_t_alone_tries_the_newest_free_threaded_builds_first() -> None:
    assert [str(request) for request in parse("t")] == ["3.15t", "3.14t", "3.13t"]


@pytest.mark.parametrize("text", ["", "3", "3.", "3.14.2", "3.14tt", "2.7", " 3.14", "3.١٤", "tt"])
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected such as 3\.14, 3\.14t"):
        parse(text)
