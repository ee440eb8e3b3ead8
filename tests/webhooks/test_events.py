"""What each event is to us, as a table."""

from dataclasses import replace

import pytest

from pipeline.engine.request import RunRequest
from pipeline.engine.stage import JsonValue
from pipeline.review.pull.command import parse_command
from webhooks.checks import BUTTONS
from webhooks.decision import Command, Decision, Ignored, MergeGroup, Pong, Review, Signal, Stop, Upkeep
from webhooks.events import ABOUT, decide, make_event
from webhooks.own import Own
from webhooks.upkeep import REPOSITORIES_MAX

from .payloads import (
    A_BOT,
    MARA,
    OTHER_APP,
    OTHER_SHA,
    PUSHED_AT_MS,
    SHA,
    US,
    Json,
    check_run,
    check_suite,
    checked_pull,
    envelope,
    installation,
    issue_comment,
    merge_group,
    pull_request,
    review_comment,
    status,
    workflow_run,
)
from .world import DELIVERY, OWN, decided

SUBJECT = "github/api.github.com/42/12"
TOPIC = f"github/api.github.com/42/{SHA}"
PULL: dict[str, JsonValue] = {"host": "api.github.com", "repository_id": 42, "number": 12}
PLACE: dict[str, JsonValue] = {"installation": 3, "repository": "acme/shop"}


def review(decision: Decision) -> RunRequest:
    assert isinstance(decision, Review), decision
    return decision.request


def command(decision: Decision) -> RunRequest:
    assert isinstance(decision, Command), decision
    return decision.request


def reason(decision: Decision) -> str:
    assert isinstance(decision, Ignored), decision
    return decision.reason


def test_an_opened_pull_request_is_reviewed() -> None:
    decision = decided("pull_request", pull_request("opened"))

    assert decision == Review(
        request=RunRequest(
            subject=SUBJECT,
            revision=SHA,
            params={
                "pull": PULL | {"head": SHA},
                "place": PLACE,
                "trigger": {"by": "mara", "why": "pull_request.opened"},
            },
            order=PUSHED_AT_MS,
            topics=(TOPIC,),
        )
    )


@pytest.mark.parametrize(
    ("action", "again"),
    [
        ("opened", ()),
        ("synchronize", ()),
        ("reopened", ("prepare",)),
        ("ready_for_review", ("prepare",)),
        ("converted_to_draft", ("prepare",)),
        ("labeled", ("prepare",)),
        ("unlabeled", ("prepare",)),
        ("edited", ("prepare",)),
    ],
)
def test_what_may_change_the_answer_for_the_same_head_is_looked_at_again(action: str, again: tuple[str, ...]) -> None:
    request = review(decided("pull_request", pull_request(action, changes={"base": {"ref": {"from": "main"}}})))

    assert request.again == again
    assert request.run_id == review(decided("pull_request", pull_request("opened"))).run_id


@pytest.mark.parametrize("changes", [{"title": {"from": "Socks"}}, {"body": {"from": ""}}, {}, {"base": None}])
def test_an_edited_text_is_not_reviewed_again(changes: Json) -> None:
    assert "same" in reason(decided("pull_request", pull_request("edited", changes=changes)))


@pytest.mark.parametrize("fork", [None, {"id": 77, "full_name": "mara/shop"}])
def test_10_a_head_in_a_fork_is_reviewed_though_the_fork_is_gone(fork: Json | None) -> None:
    request = review(decided("pull_request", pull_request(pull={"head": {"sha": SHA, "repo": fork, "user": None}})))

    assert request.subject == SUBJECT


@pytest.mark.parametrize(("merged", "why"), [(True, "merged"), (False, "closed"), (None, "closed")])
def test_a_closed_pull_request_stops_what_is_under_way(merged: object, why: str) -> None:
    decision = decided("pull_request", pull_request("closed", pull={"state": "closed", "merged": merged}))

    assert decision == Stop(subject=SUBJECT, why=why, order=PUSHED_AT_MS)


def test_a_label_on_a_closed_pull_request_changes_nothing() -> None:
    assert "closed" in reason(decided("pull_request", pull_request("labeled", pull={"state": "closed"})))


def test_a_repository_is_known_by_its_id_and_reached_by_its_name() -> None:
    """11: a renamed repository keeps its runs."""
    renamed = pull_request(repository={"id": 42, "full_name": "acme/store"})

    before, after = (review(decided("pull_request", each)) for each in (pull_request(), renamed))

    assert after.run_id == before.run_id
    assert after.params["pull"] == before.params["pull"]
    assert after.params["place"] == {"installation": 3, "repository": "acme/store"}


def test_two_github_hosts_never_share_a_run() -> None:
    elsewhere = replace(OWN, host="github.acme.example")

    here, there = (review(decided("pull_request", pull_request(), own=own)) for own in (OWN, elsewhere))

    assert here.run_id != there.run_id


def test_a_newer_push_has_the_higher_order_whichever_comes_first() -> None:
    older, newer = pull_request(), pull_request(pull={"updated_at": "2026-11-23T12:00:01+02:00"})

    assert review(decided("pull_request", newer)).order == review(decided("pull_request", older)).order + 1000


# ---- check suites and runs: two triggers for one SHA are one run ----


def test_a_requested_suite_is_the_same_run_as_the_push_itself() -> None:
    by_suite = review(decided("check_suite", check_suite("requested")))
    by_push = review(decided("pull_request", pull_request("synchronize")))

    assert by_suite.run_id == by_push.run_id
    assert by_suite.params["pull"] == by_push.params["pull"]
    assert (by_suite.order, by_suite.again, by_suite.topics) == (by_push.order, (), by_push.topics)


@pytest.mark.parametrize(
    "pulls",
    [
        [],
        [checked_pull(repository=43)],
        [checked_pull(sha=OTHER_SHA)],
    ],
)
def test_a_suite_without_a_pull_request_of_this_head_and_repository_is_ignored(pulls: list[Json]) -> None:
    assert "no pull request" in reason(decided("check_suite", check_suite(suite={"pull_requests": pulls})))


def test_a_suite_finds_its_pull_request_among_those_of_the_network() -> None:
    pulls = [checked_pull(1, repository=43), checked_pull(2, sha=OTHER_SHA), checked_pull(12), checked_pull(13)]

    request = review(decided("check_suite", check_suite(suite={"pull_requests": pulls})))

    assert request.subject == SUBJECT


def test_a_rerequested_suite_commands_to_rerun_all() -> None:
    request = command(decided("check_suite", check_suite("rerequested")))

    assert request.params["command"] == {"verb": "rerun", "arguments": ["all"], "fresh": False, "problem": None}
    assert request.params["answer_to"] == {"kind": "check_suite", "id": 601}


@pytest.mark.parametrize("action", ["requested", "rerequested"])
def test_the_suite_of_another_app_asks_nothing_of_us(action: str) -> None:
    assert "another App" in reason(decided("check_suite", check_suite(action, suite={"app": OTHER_APP})))


def test_a_rerequested_check_run_commands_to_rerun_all() -> None:
    request = command(decided("check_run", check_run("rerequested")))

    assert request == RunRequest(
        subject=f"{SUBJECT}/command/delivery-{DELIVERY}",
        revision=f"delivery-{DELIVERY}",
        params={
            "pull": PULL,
            "place": PLACE,
            "sender": {"id": 7, "login": "mara"},
            "command": {"verb": "rerun", "arguments": ["all"], "fresh": False, "problem": None},
            "answer_to": {"kind": "check_run", "id": 501},
        },
    )


@pytest.mark.parametrize("identifier", BUTTONS)
def test_each_button_commands_what_it_says(identifier: str) -> None:
    pressed = check_run("requested_action", requested_action={"identifier": identifier})

    request = command(decided("check_run", pressed))

    wish = BUTTONS[identifier]
    assert len(identifier) <= 20
    assert request.params["command"] == {
        "verb": wish.verb,
        "arguments": list(wish.arguments),
        "fresh": wish.fresh,
        "problem": None,
    }


@pytest.mark.parametrize("pressed", [{"requested_action": {"identifier": "approve"}}, {"requested_action": None}])
def test_a_button_that_we_do_not_have_is_ignored(pressed: Json) -> None:
    assert "no such button" in reason(decided("check_run", check_run("requested_action") | pressed))


@pytest.mark.parametrize("external_id", ["r_0123/12", "anything.else/12"])
def test_a_check_run_of_a_fork_is_found_by_its_external_id(external_id: str) -> None:
    run = {"external_id": external_id, "pull_requests": []}

    assert command(decided("check_run", check_run(run=run))).params["pull"] == PULL


@pytest.mark.parametrize("external_id", [None, "", "r_0123", "r_0123/", "r_0123/0", "r/12/13", "r/-1", "r/1e3", "/12"])
def test_without_a_readable_external_id_the_list_of_github_counts(external_id: str | None) -> None:
    listed = {"external_id": external_id, "pull_requests": [checked_pull(1, repository=43), checked_pull()]}
    unlisted = {"external_id": external_id}

    assert command(decided("check_run", check_run(run=listed))).params["pull"] == PULL
    assert "names no pull request" in reason(decided("check_run", check_run(run=unlisted)))


@pytest.mark.parametrize("action", ["rerequested", "requested_action"])
def test_the_check_run_of_another_app_asks_nothing_of_us(action: str) -> None:
    pressed = check_run(action, run={"app": OTHER_APP}, requested_action={"identifier": "fresh"})

    assert "another App" in reason(decided("check_run", pressed))


def test_while_our_app_is_unknown_no_check_run_is_anothers() -> None:
    command(decided("check_run", check_run(run={"app": OTHER_APP}), own=Own(host="api.github.com")))


@pytest.mark.parametrize(("name", "payload"), [("check_run", check_run()), ("check_suite", check_suite("rerequested"))])
def test_a_bot_presses_no_button(name: str, payload: Json) -> None:
    """18: no loops."""
    assert "a bot" in reason(decided(name, payload | {"sender": A_BOT}))


# ---- the end of somebody's checks ----


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("check_suite", check_suite("completed", suite={"app": OTHER_APP, "pull_requests": []})),
        ("check_suite", check_suite("completed", suite={"app": None})),
        ("workflow_run", workflow_run()),
        ("status", status()),
    ],
)
def test_ended_checks_signal_the_runs_of_their_head(name: str, payload: Json) -> None:
    assert decided(name, payload) == Signal(topic=TOPIC, name="checks")


def test_a_run_listens_where_the_checks_of_its_head_signal() -> None:
    signal = decided("workflow_run", workflow_run())

    assert isinstance(signal, Signal)
    assert review(decided("pull_request", pull_request())).topics == (signal.topic,)


def test_our_own_suite_wakes_nobody() -> None:
    assert "our own" in reason(decided("check_suite", check_suite("completed")))


# ---- comments ----


def test_a_command_in_a_comment_names_who_asks_where_and_for_what() -> None:
    request = command(decided("issue_comment", issue_comment(by={"body": "/onceover rerun test\nplease"})))

    assert request == RunRequest(
        subject=f"{SUBJECT}/command/comment-1001",
        revision="comment-1001",
        params={
            "pull": PULL,
            "place": PLACE,
            "sender": {"id": 7, "login": "mara"},
            "command": {"verb": "rerun", "arguments": ["test"], "fresh": False, "problem": None},
            "answer_to": {"kind": "issue_comment", "id": 1001},
        },
    )


def test_a_review_comment_commands_like_any_other() -> None:
    request = command(decided("pull_request_review_comment", review_comment()))

    assert request.revision == "review-comment-1001"
    assert request.params["pull"] == PULL
    assert request.params["answer_to"] == {"kind": "review_comment", "id": 1001}


def test_the_parser_of_the_review_fits_the_port() -> None:
    event = make_event("issue_comment", DELIVERY, issue_comment(by={"body": "/onceover rerun test --fresh"}))

    request = command(decide(event, own=OWN, parse_command=parse_command))

    assert request.params["command"] == {"verb": "rerun", "arguments": ["test"], "fresh": True, "problem": None}


def test_a_misspelt_command_reaches_the_worker_with_its_problem() -> None:
    event = make_event("issue_comment", DELIVERY, issue_comment(by={"body": "/onceover rerum test"}))

    request = command(decide(event, own=OWN, parse_command=parse_command))

    asked = request.params["command"]
    assert isinstance(asked, dict)
    assert asked["problem"]


COMMENTS = {"issue_comment": issue_comment, "pull_request_review_comment": review_comment}


@pytest.mark.parametrize("name", COMMENTS)
@pytest.mark.parametrize("action", ["edited", "deleted", "pinned", "unpinned"])
def test_19_only_a_new_comment_commands(name: str, action: str) -> None:
    """An edit could put a command into somebody else's mouth."""
    assert "only a new comment" in reason(decided(name, COMMENTS[name](action)))


@pytest.mark.parametrize("name", COMMENTS)
@pytest.mark.parametrize(
    ("case", "author", "sender", "app"),
    [
        ("19 the sender is not the author", {"id": 9, "login": "eve"}, MARA, None),
        ("19 the author is gone", None, MARA, None),
        ("18 a bot", A_BOT, A_BOT, None),
        ("18 we ourselves", US, US, None),
        ("18 a bot that says it is a user", MARA | {"type": "Bot"}, MARA, None),
        ("18 an App in a user's name", MARA, MARA, OTHER_APP),
        ("18 our App in a user's name", MARA, MARA, {"id": 5}),
    ],
)
@pytest.mark.parametrize("own", [OWN, Own(host="api.github.com")])
def test_who_is_not_heard(name: str, case: str, author: Json | None, sender: Json, app: Json | None, own: Own) -> None:
    written = {"id": 1001, "body": "/onceover rerun all", "user": author, "performed_via_github_app": app}

    decision = decided(name, COMMENTS[name](comment=written, sender=sender), own=own)

    assert isinstance(decision, Ignored), case


@pytest.mark.parametrize("name", COMMENTS)
@pytest.mark.parametrize("body", [None, "", "Nice!", "> /onceover rerun all"])
def test_a_comment_without_a_command_is_ignored(name: str, body: str | None) -> None:
    written = {"id": 1001, "body": body, "user": MARA}

    assert "no command" in reason(decided(name, COMMENTS[name](comment=written)))


@pytest.mark.parametrize("issue", [{"number": 12}, {"number": 12, "pull_request": None}])
def test_23_a_command_on_an_issue_is_ignored(issue: Json) -> None:
    assert "not on a pull request" in reason(decided("issue_comment", issue_comment(issue=issue)))


# ---- merge queues, installations, repositories ----


def test_a_merge_group_is_answered_once_for_its_head() -> None:
    decision = decided("merge_group", merge_group())

    assert decision == MergeGroup(
        request=RunRequest(
            subject=f"github/api.github.com/42/merge_group/{SHA}",
            revision=SHA,
            params={
                "merge_group": {
                    "host": "api.github.com",
                    "repository_id": 42,
                    "head": SHA,
                    "head_ref": "refs/heads/gh-readonly-queue/main/pr-12",
                    "base": OTHER_SHA,
                },
                "place": PLACE,
            },
        )
    )


SHOP = {"id": 42, "full_name": "acme/shop"}
STORE = {"id": 43, "full_name": "acme/store"}


@pytest.mark.parametrize(
    ("name", "action", "fields", "repositories"),
    [
        ("installation", "created", {"repositories": [SHOP, STORE]}, [SHOP, STORE]),
        ("installation", "deleted", {"repositories": [SHOP]}, [SHOP]),
        ("installation", "suspend", {}, []),
        ("installation", "unsuspend", {"repositories": None}, []),
        ("installation", "new_permissions_accepted", {}, []),
        ("installation_repositories", "added", {"repositories_added": [SHOP], "repositories_removed": []}, [SHOP]),
        ("installation_repositories", "removed", {"repositories_added": [], "repositories_removed": [SHOP]}, [SHOP]),
        ("installation_target", "renamed", {"account": {"login": "acme"}}, []),
        ("repository", "renamed", {"repository": STORE}, [STORE]),
        ("repository", "transferred", {"repository": STORE}, [STORE]),
        ("repository", "deleted", {"repository": STORE}, [STORE]),
    ],
)
def test_upkeep_says_what_changed_for_which_repositories(
    name: str, action: str, fields: Json, repositories: list[Json]
) -> None:
    decision = decided(name, installation(action, **fields))

    assert isinstance(decision, Upkeep)
    assert decision.request.revision == DELIVERY
    assert decision.request.params == {
        "upkeep": {
            "host": "api.github.com",
            "event": name,
            "action": action,
            "installation": 3,
            "repositories": repositories,
            "left_out": 0,
        }
    }


def test_two_changes_of_one_installation_do_not_supersede_each_other() -> None:
    first = decided("installation_repositories", installation("removed", repositories_removed=[SHOP]))
    assert isinstance(first, Upkeep)

    assert first.request.subject == f"github/api.github.com/installation/3/upkeep/{DELIVERY}"


def test_an_installation_on_very_many_repositories_is_cut_and_says_so() -> None:
    many = [{"id": number, "full_name": f"acme/r{number}"} for number in range(1, REPOSITORIES_MAX + 6)]

    decision = decided("installation", installation("created", repositories=many))

    assert isinstance(decision, Upkeep)
    upkeep = decision.request.params["upkeep"]
    assert isinstance(upkeep, dict)
    assert isinstance(upkeep["repositories"], list)
    assert (len(upkeep["repositories"]), upkeep["left_out"]) == (REPOSITORIES_MAX, 5)


def test_a_ping_is_answered_though_it_names_no_installation() -> None:
    assert decided("ping", {"zen": "Keep it logically awesome.", "hook_id": 1}) == Pong()


# ---- what is ignored ----


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("pull_request", pull_request()),
        ("issue_comment", issue_comment()),
        ("pull_request_review_comment", review_comment()),
        ("check_run", check_run()),
        ("check_suite", check_suite()),
        ("check_suite", check_suite("rerequested")),
        ("check_suite", check_suite("completed", suite={"app": OTHER_APP})),
        ("workflow_run", workflow_run()),
        ("status", status()),
        ("merge_group", merge_group()),
        ("repository", envelope(action="renamed")),
    ],
)
def test_10_an_event_without_an_installation_is_ignored_for_that_reason(name: str, payload: Json) -> None:
    """It comes from a hook that somebody set by hand in a repository or an organisation."""
    decision = decided(name, {key: value for key, value in payload.items() if key != "installation"})

    assert "no installation" in reason(decision)


@pytest.mark.parametrize("name", sorted(set(ABOUT) - {"ping", "status"}))
def test_10_an_action_that_github_may_invent_is_ignored_and_named(name: str) -> None:
    """GitHub adds actions without notice, and records what is not answered 2xx as a failure."""
    decision = decided(name, {"action": "teleported", ABOUT[name]: {}})

    assert reason(decision).startswith(f"{name}.teleported: ")


@pytest.mark.parametrize("name", ["push", "star", "pull_request_review", "github_app_authorization", "from_the_future"])
@pytest.mark.parametrize("payload", [{}, {"action": "created"}, {"sender": None}, {"sender": "?"}])
def test_10_an_event_that_we_do_not_know_is_ignored_and_named(name: str, payload: Json) -> None:
    assert reason(decided(name, payload)).startswith(name)


def test_an_action_that_a_stranger_chose_reaches_no_log_raw() -> None:
    """Whoever calls `repository_dispatch` chooses the action."""
    decision = decided("repository_dispatch", {"action": "x\n\x1b[2J" + "é" * 1_000})

    assert len(reason(decision)) < 500
    assert reason(decision).isascii()
    assert reason(decision).isprintable()


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("pull_request", pull_request("edited", changes={"base": {}})),
        ("issue_comment", issue_comment()),
        ("check_run", check_run()),
        ("pull_request_review", envelope(action="submitted")),
    ],
)
def test_what_we_did_ourselves_is_dropped_by_the_id_of_its_sender(name: str, payload: Json) -> None:
    assert "our own doing" in reason(decided(name, payload | {"sender": {"id": 99, "login": "renamed"}}))


@pytest.mark.parametrize(
    ("name", "payload"),
    [("workflow_run", workflow_run("requested")), ("merge_group", merge_group("destroyed"))],
)
def test_what_is_not_yet_or_no_longer_of_interest_is_ignored(name: str, payload: Json) -> None:
    assert reason(decided(name, payload))
