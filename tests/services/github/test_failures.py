"""Every answer and every silence has its class: the whole table."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.engine.errors import AskPerson, Bug, GiveUp, OnceoverError, RetryLater
from pipeline.services.github.answer import Answer, Lost, NoAnswer
from pipeline.services.github.errors import (
    UNDONE,
    Ambiguous,
    GitHubAway,
    Gone,
    Limit,
    Nonsense,
    NotAllowed,
    NotYet,
    RateLimited,
    Refused,
    TokenRefused,
    TooMuch,
)
from pipeline.services.github.failures import Circumstances, failure_of, loss_of

NOON = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
READ = Circumstances(what="GET /x", now=NOON)
WRITE = replace(READ, what="POST /x", is_write=True)
NEW = replace(READ, is_new=True)
FRESH = replace(READ, token_is_fresh=True)
UNPROVEN = replace(FRESH, token_is_proven=False)
APP = replace(READ, is_app=True)


def answer(status: int, message: str = "", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, url="", headers=named, content=f'{{"message": "{message}"}}'.encode())


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 304])
def test_a_success_is_no_failure(status: int) -> None:
    assert failure_of(answer(status), WRITE) is None


@pytest.mark.parametrize(
    ("said", "at", "kind"),
    [
        (answer(500), READ, GitHubAway),
        (answer(502), READ, GitHubAway),
        (answer(503, retry_after="5"), READ, GitHubAway),
        (answer(408), READ, GitHubAway),
        (answer(500), WRITE, Ambiguous),
        (answer(502), WRITE, Ambiguous),
        (answer(504), WRITE, Ambiguous),
        (answer(408), WRITE, Ambiguous),
        (answer(401, "Bad credentials"), READ, TokenRefused),
        (answer(401, "Bad credentials"), WRITE, TokenRefused),
        (answer(401, "Bad credentials"), APP, NotAllowed),
        (answer(403, "Resource not accessible by integration"), READ, NotAllowed),
        (answer(403, "Resource not accessible by integration"), FRESH, NotYet),
        (answer(403, "This installation has been suspended"), APP, NotAllowed),
        (answer(403, "This installation has been suspended"), FRESH, NotAllowed),
        (answer(404, "Integration not found"), APP, NotAllowed),
        (answer(404, "Not Found"), APP, Gone),
        (answer(403, "Unable to create comment because issue is locked."), WRITE, Gone),
        (answer(403, "Repository was archived so is read-only."), WRITE, Gone),
        (answer(403, "Commenting is disabled on issues with more than 2500 comments"), WRITE, Gone),
        (answer(402), READ, NotAllowed),
        (answer(404, "Not Found"), READ, Gone),
        (answer(404, "Not Found"), WRITE, Gone),
        (answer(404, "Not Found"), NEW, NotYet),
        (answer(404, "Not Found"), FRESH, Gone),
        (answer(404, "Not Found"), UNPROVEN, NotYet),
        (answer(410), READ, Gone),
        (answer(451), READ, Gone),
        (answer(422, "No commit found for SHA: abc"), WRITE, NotYet),
        (answer(422, "No commit found for SHA: abc"), READ, NotYet),
        (answer(404, "No commit found for the ref main"), READ, Gone),
        (answer(422, "Validation Failed"), WRITE, Refused),
        (answer(409, "Git Repository is empty."), READ, Refused),
        (answer(406, "too_large"), READ, Refused),
        (answer(413), WRITE, Refused),
        (answer(302), WRITE, Refused),
        (answer(300), READ, Refused),
        (answer(400, "Problems parsing JSON"), WRITE, Nonsense),
        (answer(405), READ, Nonsense),
        (answer(415), WRITE, Nonsense),
        (answer(414), READ, Nonsense),
        (answer(429), READ, RateLimited),
        (answer(403, retry_after="7"), READ, RateLimited),
        (answer(403, x_ratelimit_remaining="0"), READ, RateLimited),
        (answer(403, "You have exceeded a secondary rate limit."), WRITE, RateLimited),
        (answer(403, "API rate limit exceeded for installation ID 7."), READ, RateLimited),
        (answer(422, "was submitted too quickly"), WRITE, RateLimited),
        (answer(422, "Validation Failed", x_ratelimit_remaining="0"), WRITE, Refused),
    ],
)
def test_an_answer_is_classed(said: Answer, at: Circumstances, kind: type[OnceoverError]) -> None:
    error = failure_of(said, at)

    assert type(error) is kind
    assert f"GitHub answered {said.status} to {at.what}" in error.message


@pytest.mark.parametrize(
    ("lost", "at", "kind"),
    [
        (Lost.UNSENT, READ, GitHubAway),
        (Lost.UNSENT, WRITE, GitHubAway),
        (Lost.UNKNOWN, READ, GitHubAway),
        (Lost.UNKNOWN, WRITE, Ambiguous),
        (Lost.TOO_LONG, READ, TooMuch),
        (Lost.TOO_LONG, WRITE, Ambiguous),
        (Lost.UNTRUSTED, READ, NotAllowed),
        (Lost.UNTRUSTED, WRITE, NotAllowed),
    ],
)
def test_a_silence_is_classed(lost: Lost, at: Circumstances, kind: type[OnceoverError]) -> None:
    error = loss_of(NoAnswer(lost=lost, cause="ReadTimeout"), at)

    assert type(error) is kind
    assert "ReadTimeout" in error.message


@pytest.mark.parametrize(
    ("headers", "limit", "after"),
    [
        ({"retry-after": "30"}, Limit.SECONDARY, 30.0),
        ({"retry-after": "30", "x-ratelimit-remaining": "0"}, Limit.PRIMARY, 30.0),
        ({"retry-after": "Tue, 01 Sep 2026 12:02:00 GMT"}, Limit.SECONDARY, 120.0),
        ({"retry-after": "soon"}, Limit.SECONDARY, 60.0),
        ({"retry-after": "-5"}, Limit.SECONDARY, 0.0),
        ({"retry-after": "nan"}, Limit.SECONDARY, 60.0),
        ({"retry-after": "1e300"}, Limit.SECONDARY, 7_200.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOON.timestamp()) + 90)}, Limit.PRIMARY, 91.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}, Limit.PRIMARY, 1.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "never"}, Limit.PRIMARY, 60.0),
        ({"x-ratelimit-remaining": "0"}, Limit.PRIMARY, 60.0),
        ({"x-ratelimit-remaining": "12"}, Limit.SECONDARY, 60.0),
    ],
)
def test_a_limit_says_which_and_for_how_long(headers: dict[str, str], limit: Limit, after: float) -> None:
    error = failure_of(Answer(status=429, url="", headers=headers), READ)

    assert isinstance(error, RateLimited)
    assert (error.limit, error.after_seconds, error.retry_after_seconds) == (limit, after, after)


@pytest.mark.parametrize(
    ("asked", "after"), [({"retry_after": "5"}, 5.0), ({}, None), ({"retry_after": "1e9"}, 7_200.0)]
)
def test_a_server_that_is_down_may_say_for_how_long(asked: dict[str, str], after: float | None) -> None:
    error = failure_of(answer(503, **asked), READ)

    assert isinstance(error, GitHubAway)
    assert error.retry_after_seconds == after


def test_the_reset_is_counted_by_the_clock_of_github() -> None:
    """Ours may be wrong by minutes; a wait that is too short gets the App banned."""
    headers = {
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(int(NOON.timestamp()) + 90),
        "date": "Tue, 01 Sep 2026 11:59:00 GMT",
    }

    error = failure_of(Answer(status=403, url="", headers=headers), READ)

    assert isinstance(error, RateLimited)
    assert error.after_seconds == 151.0


@pytest.mark.parametrize(("time", "told"), [("12:07", "420 s behind"), ("11:50", "600 s ahead of")])
def test_a_wrong_clock_is_told_when_the_app_is_refused(time: str, told: str) -> None:
    said = answer(401, "'Issued at' claim", date=f"Tue, 01 Sep 2026 {time}:00 GMT")

    error = failure_of(said, APP)

    assert isinstance(error, NotAllowed)
    assert error.error_code == "github_clock"
    assert told in error.message


def test_a_right_clock_is_not_blamed_for_a_wrong_key() -> None:
    error = failure_of(answer(401, "Bad credentials", date="Tue, 01 Sep 2026 12:00:20 GMT"), APP)

    assert error is not None
    assert (error.error_code, "clock" in error.message) == ("github_app_credentials", False)


@pytest.mark.parametrize(
    ("words", "is_pending", "is_line"),
    [
        ("User can only have one pending review per pull request", True, False),
        ("user_id can only have one pending review", True, False),
        ("pull_request_review_thread.line must be part of the diff", False, True),
        ("Line could not be resolved", False, True),
        ("diff_hunk can't be blank", False, True),
        ("body is too long (maximum is 65536 characters)", False, False),
    ],
)
def test_a_refusal_tells_what_it_is_about(words: str, *, is_pending: bool, is_line: bool) -> None:
    body = f'{{"message": "Unprocessable Entity", "errors": ["{words}"]}}'.encode()

    error = failure_of(Answer(status=422, url="", content=body), WRITE)

    assert isinstance(error, Refused)
    assert (error.is_pending_review_there, error.is_line_outside_diff) == (is_pending, is_line)
    assert error.says(words.upper())


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (
            b'{"message": "No", "errors": [{"resource": "Issue", "field": "body", "code": "missing"}]}',
            "Issue body missing",
        ),
        (b'{"message": "No", "errors": [{"message": "too long"}]}', "No; too long"),
        (b'{"message": "No", "errors": "plain"}', "No; plain"),
        (b"<html>\n <b>Unicorn</b>", "<html> <b>Unicorn</b>"),
        (b'{"message": 5}', '{"message": 5}'),
        (b'{"message": "a\\u001b[31mb\\u202ec"}', "a\N{REPLACEMENT CHARACTER}[31mb\N{REPLACEMENT CHARACTER}c"),
        (b"\xff\xfe", "\N{REPLACEMENT CHARACTER}"),
        (b"[" * 100_000, "[["),
        (b"", ""),
    ],
)
def test_any_words_can_be_shown(content: bytes, shown: str) -> None:
    error = failure_of(Answer(status=422, url="", content=content), WRITE)

    assert isinstance(error, Refused)
    assert shown in error.words
    assert len(error.words) <= 500
    assert error.words.isprintable()


@pytest.mark.parametrize(
    "secret",
    [
        "ghs_16C7e42F292c6912E7710c838347Ae178B4a",
        "ghs_31_eyJhbGciOi.J9.x-y_z",
        "github_pat_11ABCDEFG0abcdef",
        "eyJhbGciOiJSUzI1NiJ9.e30.c2ln",
    ],
)
def test_a_token_that_comes_back_is_masked(secret: str) -> None:
    error = failure_of(answer(403, f"token {secret} may not"), READ)

    assert error is not None
    assert secret not in str(error)
    assert "token *** may not" in error.message


def test_after_all_errors_but_one_a_write_has_not_happened() -> None:
    kinds = {type(failure_of(answer(status), WRITE)) for status in range(300, 600) if status != 304}

    assert kinds - set(UNDONE) == {Ambiguous, TokenRefused}
    assert issubclass(TokenRefused, UNDONE)
    assert not issubclass(Ambiguous, UNDONE)


def test_each_class_stands_where_the_caller_looks_for_it() -> None:
    families: dict[type[Any], set[type[Any]]] = {
        RetryLater: {RateLimited, NotYet, TokenRefused, GitHubAway, Ambiguous},
        AskPerson: {NotAllowed},
        GiveUp: {Gone, Refused, TooMuch},
        Bug: {Nonsense},
    }

    assert all(issubclass(one, family) for family, classes in families.items() for one in classes)
