"""Several orders become one, and vectors are compared by their direction."""

from array import array

from pipeline.review.fusion import fuse, nearness


def vector(*numbers: float) -> bytes:
    return array("f", numbers).tobytes()


def test_what_stands_in_both_orders_comes_first() -> None:
    assert list(fuse([["a", "b", "c"], ["d", "c"]])) == ["c", "a", "d", "b"]


def test_one_order_stays_as_it_is() -> None:
    scores = fuse([["a", "b"]])

    assert list(scores) == ["a", "b"]
    assert scores["a"] == 1


def test_no_order_is_none() -> None:
    assert fuse([]) == {}


def test_the_same_direction_is_nearest() -> None:
    assert nearness(vector(1, 0), vector(1, 0)) == 1
    assert nearness(vector(1, 0), vector(0, 1)) == 0
    assert nearness(vector(1, 0), vector(1)) == -1
