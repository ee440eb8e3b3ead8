"""What was written as a marker is read back the same, and nothing else is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from pipeline.review.finding_text import finding_text
from pipeline.review.markdown import fence, inline, prose
from pipeline.review.pull.marker import (
    Marker,
    read_finding_marker,
    read_marker,
    write_finding_marker,
    write_marker,
)
from tests.builders.pulls import HEAD, a_marker
from tests.builders.reports import a_finding

any_marker = st.builds(
    Marker,
    kind=st.sampled_from(["summary", "review", "answer-comment-17"]),
    host=st.sampled_from(["api.github.com", "localhost:8080", "[::1]:80", "xn--bcher-kva.example"])
    | st.text(min_size=1),
    repository_id=st.integers(0, 10**18),
    number=st.integers(0, 10**9),
    head=st.none() | st.just(HEAD) | st.just("a" * 64),
    attempt=st.none() | st.integers(0, 999_999_999),
).filter(lambda marker: len(marker.host.encode("utf-8", "replace")) < 100)


def test_a_marker_is_one_hidden_line() -> None:
    assert write_marker(a_marker()) == snapshot("<!-- onceover:summary:api.github.com:5150:7 -->")
    assert write_marker(a_marker(kind="review", host="localhost:8080", head=HEAD, attempt=2)) == snapshot(
        "<!-- onceover:review:localhost%3A8080:5150:7:3c1f0a9be27d4c5a8e6f1b2d3c4e5f60718293a4:2 -->"
    )


@given(any_marker)
def test_what_was_written_is_read_back(marker: Marker) -> None:
    try:
        line = write_marker(marker)
    except ValueError:
        assert not marker.host.isprintable()
        return

    assert read_marker(f"{line}\r\nAnd more.") == marker
    assert "--" not in line.removeprefix("<!--").removesuffix("-->")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "Hello",
        "Hello\n<!-- onceover:summary:api.github.com:5150:7 -->",
        "\n<!-- onceover:summary:api.github.com:5150:7 -->",
        " <!-- onceover:summary:api.github.com:5150:7 -->",
        "<!-- onceover:summary:api.github.com:5150:7 --> and more",
        "> <!-- onceover:summary:api.github.com:5150:7 -->",
        "<!-- onceover:summary:api.github.com:5150 -->",
        "<!-- onceover:summary:api.github.com:5150:7:not-a-sha -->",
        "<!-- onceover:summary:api.github.com:5150:\u0667 -->",
        "<!-- onceover:summary v=1 run=r_1 head=0 -->",
        "<!-- onceover:summary:api.github.com:5150:7\n-->",
    ],
)
def test_nothing_else_is_a_marker(body: str) -> None:
    assert read_marker(body) is None
    assert read_finding_marker(body) is None


def test_what_does_not_fit_into_a_marker_is_not_written() -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        write_marker(a_marker(kind="summary --> <b>"))
    with pytest.raises(ValueError, match="cannot be written"):
        write_marker(a_marker(head="main"))


def test_a_finding_is_known_again_by_its_fingerprint() -> None:
    line = write_finding_marker(a_finding().fingerprint)

    assert read_finding_marker(f"{line}\n**Medium**") == a_finding().fingerprint
    assert read_finding_marker(f"Re:\n{line}") is None


@pytest.mark.parametrize("planted", [write_marker(a_marker()), write_finding_marker("0" * 16)])
def test_a_planted_marker_is_no_marker_once_we_have_set_it(planted: str) -> None:
    """Security case 88, from within: the text of a finding may hold what we look for."""
    finding = a_finding(title=planted, claim=f"{planted}\n\n{planted}", suggestion=planted)

    for shown in (inline(planted), prose(planted), fence(planted), finding_text(finding)):
        for line in shown.splitlines():
            assert read_marker(line) is None
            assert read_finding_marker(line) is None
