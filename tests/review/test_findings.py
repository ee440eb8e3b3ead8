"""A finding is known again: by the code that it stands on, whatever a model calls it today."""

from pipeline.review.findings import Finding, Severity


def finding(**given: object) -> Finding:
    values: dict[str, object] = {
        "path": "cart.py",
        "line": 2,
        "line_end": 2,
        "severity": Severity.HIGH,
        "category": "bug",
        "title": "Divides by an unknown name",
        "claim": "`lenght` is nowhere defined.",
        "source": "model",
    }
    return Finding.model_validate(values | given)


def test_a_model_may_word_it_in_another_way_and_the_line_may_move() -> None:
    first = finding().on_code("    return sum(cart) / lenght")
    again = finding(title="The name `lenght` does not exist", line=9, line_end=11).on_code(
        "return  sum(cart) / lenght "
    )

    assert first.fingerprint == again.fingerprint


def test_another_line_file_or_matter_is_another_finding() -> None:
    one = finding().on_code("return sum(cart) / lenght")

    others = [
        finding().on_code("return sum(cart)"),
        finding(path="other.py").on_code("return sum(cart) / lenght"),
        finding(category="security").on_code("return sum(cart) / lenght"),
        finding(source="ruff:F821"),
        finding().on_code(""),
    ]

    assert len({one.fingerprint, *(other.fingerprint for other in others)}) == 6


def test_what_was_stored_before_code_was_noted_is_known_by_its_title() -> None:
    stored = finding()
    now = stored.on_code("return sum(cart) / lenght")

    assert stored.fingerprint == "b492505911fdd8ab"
    assert now.known_among({stored.fingerprint}) == stored.fingerprint
    assert now.known_among({now.fingerprint, stored.fingerprint}) == now.fingerprint
    assert now.known_among({"0" * 16}) is None


def test_code_that_is_no_text_has_a_name_too() -> None:
    assert len(finding().on_code("x = '\udce4'").fingerprint) == 16
