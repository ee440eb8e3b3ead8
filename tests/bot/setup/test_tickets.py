"""Tickets: who may see the page, and which answer belongs to a question of ours."""

from itertools import count

from bot.setup.tickets import STATE_SECONDS_MAX, STATES_MAX, Redeemed, Tickets


class Clock:
    """Seconds that a test moves on."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.seconds


def make_tickets(clock: Clock | None = None) -> Tickets:
    numbers = count(1)
    return Tickets(clock=clock or Clock(), make_secret=lambda: f"secret-{next(numbers)}")


def test_the_token_opens_one_session() -> None:
    tickets = make_tickets()

    session = tickets.open_session(tickets.token)

    assert session is not None
    assert tickets.is_session(session)
    assert tickets.open_session(tickets.token) is None


def test_a_wrong_token_opens_nothing_and_uses_nothing_up() -> None:
    tickets = make_tickets()

    assert tickets.open_session("wrong") is None
    assert not tickets.is_session(None)
    assert not tickets.is_session("")
    assert tickets.open_session(tickets.token) is not None


def test_a_state_is_redeemed_once() -> None:
    tickets = make_tickets()
    state = tickets.issue_state()

    assert [tickets.redeem(state), tickets.redeem(state)] == [Redeemed.GOOD, Redeemed.UNKNOWN]


def test_a_state_is_good_for_one_hour() -> None:
    clock = Clock()
    tickets = make_tickets(clock)
    early, late = tickets.issue_state(), tickets.issue_state()

    clock.seconds = STATE_SECONDS_MAX
    assert tickets.redeem(early) is Redeemed.GOOD

    clock.seconds = STATE_SECONDS_MAX + 1
    assert tickets.redeem(late) is Redeemed.EXPIRED


def test_pages_that_are_loaded_again_and_again_keep_the_newest_states() -> None:
    tickets = make_tickets()
    first = tickets.issue_state()
    newer = [tickets.issue_state() for _ in range(STATES_MAX)]

    assert tickets.redeem(first) is Redeemed.UNKNOWN
    assert {tickets.redeem(state) for state in newer} == {Redeemed.GOOD}


def test_a_text_that_is_no_unicode_is_only_wrong() -> None:
    assert make_tickets().redeem("\udcff") is Redeemed.UNKNOWN
