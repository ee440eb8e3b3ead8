"""Sealing: what opens, and above all what must not."""

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pipeline.engine.errors import AskPerson, GiveUp
from pipeline.services.sealing import KeyNotShared, Sealer, SealExpired, SecretTooShort, Tampered

SECRET = "a secret for tests that is long enough"
LATER_MS = 2_000
NOW_MS = 1_000


@pytest.fixture
def sealer() -> Sealer:
    return Sealer(SecretStr(SECRET))


def sealed_by(sealer: Sealer, plain: bytes = b"hidden") -> str:
    return sealer.seal("token", plain, bound_to="here", expires_at_ms=LATER_MS)


def unsealed_by(sealer: Sealer, text: str, *, now_ms: int = NOW_MS) -> bytes:
    return sealer.unseal("token", text, bound_to="here", now_ms=now_ms).plain


@given(plain=st.binary(), purpose=st.text(), place=st.text())
def test_what_one_process_seals_another_with_the_same_secret_opens(plain: bytes, purpose: str, place: str) -> None:
    sealed = Sealer(SecretStr(SECRET)).seal(purpose, plain, bound_to=place, expires_at_ms=LATER_MS)

    opened = Sealer(SecretStr(SECRET)).unseal(purpose, sealed, bound_to=place, now_ms=NOW_MS)

    assert (opened.plain, opened.expires_at_ms) == (plain, LATER_MS)
    assert sealed.isascii()


def test_a_sealed_text_tells_nothing_and_is_another_each_time(sealer: Sealer) -> None:
    first, second = sealed_by(sealer), sealed_by(sealer)

    assert first != second
    assert b"hidden" not in base64.urlsafe_b64decode(first.rsplit(".", 1)[1])


@pytest.mark.parametrize(
    ("purpose", "place"), [("other", "here"), ("token", "there"), ("tokenhere", ""), ('token","here', "")]
)
def test_a_text_opens_only_for_its_purpose_and_at_its_place(sealer: Sealer, purpose: str, place: str) -> None:
    sealed = sealed_by(sealer)

    with pytest.raises(Tampered, match="was changed, or is not where it belongs"):
        sealer.unseal(purpose, sealed, bound_to=place, now_ms=NOW_MS)


def test_a_text_does_not_open_when_its_time_is_over(sealer: Sealer) -> None:
    sealed = sealed_by(sealer)

    assert unsealed_by(sealer, sealed, now_ms=LATER_MS - 1) == b"hidden"
    with pytest.raises(SealExpired, match="1 ms too old"):
        unsealed_by(sealer, sealed, now_ms=LATER_MS + 1)


def test_nobody_can_give_a_text_more_time(sealer: Sealer) -> None:
    forged = sealed_by(sealer).replace(f".{LATER_MS}.", f".{LATER_MS + 1}.")

    with pytest.raises(Tampered):
        unsealed_by(sealer, forged)


CHANGES: dict[str, Callable[[str], str]] = {
    "empty": lambda _: "",
    "cut": lambda text: text[:-4],
    "without its content": lambda text: text[: text.rindex(".") + 1] + "AAAA",
    "not base64": lambda text: text + "=A",
    "of another version": lambda text: "2" + text[1:],
    "with a foreign letter": lambda text: text + "\u0661",
    "with an end of line": lambda text: text + "\n",
    "with a time that is no number": lambda text: text.replace(f".{LATER_MS}.", ".\u0662\u0660."),
    "with another letter": lambda text: text[:-8] + ("A" if text[-8] != "A" else "B") + text[-7:],
    "a lone surrogate": lambda _: "\ud800",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_text_is_refused(sealer: Sealer, change: str) -> None:
    with pytest.raises(Tampered) as refused:
        unsealed_by(sealer, CHANGES[change](sealed_by(sealer)))

    assert isinstance(refused.value, GiveUp)


def test_processes_with_different_secrets_are_told_so(sealer: Sealer) -> None:
    """The commonest mistake of an operator gets its own message, and does not look like an attack."""
    other = Sealer(SecretStr(SECRET + "!"))

    for attempt in (
        lambda: unsealed_by(other, sealed_by(sealer)),
        lambda: other.verify("ask", "text", sealer.sign("ask", "text")),
    ):
        with pytest.raises(KeyNotShared, match="the processes do not share one ONCEOVER_SECRET_KEY") as told:
            attempt()
        assert isinstance(told.value, AskPerson)


@given(text=st.text(alphabet=st.characters(exclude_categories=())), purpose=st.text())
def test_a_signature_holds_for_its_text_and_purpose(text: str, purpose: str) -> None:
    sealer = Sealer(SecretStr(SECRET))

    signature = sealer.sign(purpose, text)

    sealer.verify(purpose, text, signature)
    for other_purpose, other_text in ((purpose + "x", text), (purpose, text + "x")):
        with pytest.raises(Tampered):
            sealer.verify(other_purpose, other_text, signature)


@pytest.mark.parametrize("signature", ["", "1.zz", "\u00e9", "1.\u00e9", "\ud800", "1." + "0" * 8 + "." + "A" * 64])
def test_what_is_no_signature_is_refused_and_no_crash(sealer: Sealer, signature: str) -> None:
    """`hmac.compare_digest` raises TypeError on text that is not ASCII (security case 2)."""
    with pytest.raises(Tampered, match="no signature that is readable"):
        sealer.verify("ask", "text", signature)


@pytest.mark.parametrize("secret", ["", "x" * 31, "\u00e9" * 15])
def test_a_short_secret_is_refused_with_a_way_out(secret: str) -> None:
    with pytest.raises(SecretTooShort, match=r"has \d+ bytes; it needs 32 or more\. Make one with `openssl") as refused:
        Sealer(SecretStr(secret))

    assert not secret or secret not in str(refused.value)


def test_no_secret_is_seen_in_what_a_program_prints(sealer: Sealer) -> None:
    opened = sealer.unseal("token", sealed_by(sealer), bound_to="here", now_ms=NOW_MS)

    assert SECRET not in repr(sealer)
    assert "hidden" not in repr(opened)
