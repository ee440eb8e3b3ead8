"""Passages that name what changed stand first, and each says why it is there."""

from dataclasses import dataclass

from pipeline.review.passages import EXCERPT_CHARACTERS_MAX, Interest, choose_passages

INTEREST = Interest(names=("apply_discount",), paths=("shop/cart.py",), words=("discount", "cart"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A section that the index found."""

    path: str = "README.md"
    line: int = 1
    line_end: int = 2
    heading: str = ""
    text: str
    score: float = 1.0
    is_near: bool = False


def chosen(*hits: Found, passages_max: int = 9) -> list[tuple[str, int, str]]:
    passages = choose_passages(hits, INTEREST, {}, passages_max)
    return [(passage.path, passage.line, passage.why) for passage in passages]


def test_names_and_paths_come_before_words() -> None:
    words = Found(path="a.md", text="a discount on the Cart", score=5)
    name = Found(path="b.md", text="apply_discount does it")
    path = Found(path="c.md", text="see shop/cart.py")

    assert chosen(words, name, path) == [
        ("b.md", 1, "apply_discount"),
        ("a.md", 1, "discount, cart"),
        ("c.md", 1, "shop/cart.py"),
    ]


def test_no_document_takes_more_than_its_share() -> None:
    many = [Found(line=line, line_end=line, text="discount, cart") for line in range(1, 9)]

    assert [passage[:2] for passage in chosen(*many, Found(path="z.md", text="discount, cart", score=0))] == [
        ("README.md", 1),
        ("README.md", 2),
        ("README.md", 3),
        ("z.md", 1),
    ]


def test_no_more_are_taken_than_asked_for() -> None:
    assert len(chosen(*[Found(path=f"{number}.md", text="discount, cart") for number in range(9)], passages_max=4)) == 4


def test_what_the_diff_shows_is_not_repeated() -> None:
    hits = [Found(line=1, line_end=5, text="discount, cart"), Found(line=6, line_end=9, text="discount, cart")]

    (passage,) = choose_passages(hits, INTEREST, {"README.md": frozenset({5})}, 9)

    assert passage.line == 6


def test_hostile_text_is_made_visible_and_cut() -> None:
    (passage,) = choose_passages(
        [Found(path="\udc80.md", heading="\x1b", text="\u202eapply_discount" + " x" * 5_000)],
        INTEREST,
        {},
        passages_max=9,
    )

    assert (passage.path, passage.heading) == ("<U+DC80>.md", "<U+001B>")
    assert passage.excerpt.startswith("<U+202E>apply_discount")
    assert len(passage.excerpt) == EXCERPT_CHARACTERS_MAX


def test_what_is_near_in_meaning_need_not_share_a_word() -> None:
    assert chosen(Found(text="Loyal people pay less.", is_near=True)) == [("README.md", 1, "the same in other words")]
