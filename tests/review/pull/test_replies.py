"""Each answer says what was done, or why not, and what one can do next; nobody without the right makes us talk."""
# ruff: noqa: E501 - what is answered stands as it is read, in one line.

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from inline_snapshot import snapshot

from pipeline.engine.lifecycle import StageState
from pipeline.review.finding_text import link_to
from pipeline.review.fitting import COMMENT_CHARACTERS_MAX, length
from pipeline.review.pull import replies
from pipeline.review.pull.command import USAGE, Command, parse_command
from pipeline.review.pull.dismissals import Dismissal
from pipeline.review.pull.explanation import RULE_PAGES, Provenance, rule_page
from pipeline.review.pull.marker import read_marker
from pipeline.review.pull.replies import Reply
from tests.builders.pulls import HEAD, MINUTE_MS, NOW_MS, a_marker, a_stage
from tests.builders.reports import a_finding
from tests.review.hostile_text import HOSTILE, any_text
from tests.review.markdown_reader import tokens_of, what_acts

NEWER = "f" * 40
SECRET = "ghp_" + "a1B2" * 9


def every_reply(text: str) -> Iterator[Reply]:
    """Give an answer of each kind, with a stranger's words wherever they may stand."""
    stages = [a_stage(text, StageState.FAILED, error=text)]
    yield from (replies.accepted(Command(verb=verb), HEAD) for verb in USAGE)
    yield from (replies.nothing_to_do(Command(verb=verb), HEAD) for verb in USAGE)
    yield replies.helped()
    yield replies.status(stages, head=HEAD, words=text, now_ms=NOW_MS, next_attempt_ms=NOW_MS)
    yield replies.status([], head=HEAD, words=text, now_ms=NOW_MS, next_attempt_ms=None)
    yield replies.config_seen(text, source=text, problems=[text])
    storable = text.encode("utf-8", "replace").decode()
    finding = a_finding(title=storable[:200], claim=storable[:2_000], suggestion=storable, evidence=storable)
    said = Dismissal(by=text, reason=text)
    read = Provenance(model=text, steps={"turn": 3, "tool": 5}, decisions=(text, f"{text}."), tools=(text,))
    yield replies.explained(finding, read, said)
    yield replies.explained(finding.model_copy(update={"source": f"ruff:{storable}"}), read)
    yield replies.dismissed(finding, text)
    yield replies.undismissed(finding.fingerprint, HEAD)
    yield replies.not_dismissed("0000", [finding.fingerprint])
    yield replies.no_such_finding("0000", HEAD, [finding])
    yield replies.stale(HEAD, NEWER)
    yield replies.cannot_now(text)
    yield replies.not_understood(Command(verb="help", problem="There is no such command."))


def links_in(text: str) -> set[str]:
    """Name the hosts that a text links to."""
    return {urlsplit(str(one.attrs["href"])).netloc for one in tokens_of(text) if one.type == "link_open"}


RULE_HOSTS = ("docs.astral.sh", "www.shellcheck.net", "docs.zizmor.sh", "bandit.readthedocs.io")


def test_only_pages_of_our_own_analysers_are_linked() -> None:
    """Security case 84: a source is a stranger's word."""
    assert {urlsplit(address).netloc for address in RULE_PAGES.values()} == set(RULE_HOSTS)
    assert rule_page("ruff:F401") == "https://docs.astral.sh/ruff/rules/F401/"
    for source in ("model", "evil:F401", "ruff:", "ruff:../../x", "ruff:F401)(https://evil.example", "ruff:F\n4"):
        assert rule_page(source) is None


def test_who_has_no_right_gets_a_reaction_and_no_text() -> None:
    """Security case 15."""
    assert replies.refused() == Reply(reaction="-1", text=None)
    assert replies.answer_body(a_marker(kind="answer-comment-7"), replies.refused()) is None


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            "/onceover review",
            snapshot(
                "Reviewing commit `3c1f0a9be27d`. The check run `Onceover` shows how it goes; `/onceover cancel` stops it."
            ),
        ),
        (
            "/onceover review --fresh",
            snapshot(
                "Reviewing commit `3c1f0a9be27d` afresh. The check run `Onceover` shows how it goes; `/onceover cancel` stops it."
            ),
        ),
        (
            "/onceover rerun test",
            snapshot(
                "Commit `3c1f0a9be27d`: `test` runs again, and what builds on it. The check run `Onceover` shows how it goes; `/onceover cancel` stops it."
            ),
        ),
        (
            "/onceover rerun failed --fresh",
            snapshot(
                "Commit `3c1f0a9be27d`: what failed runs again, all of it afresh. The check run `Onceover` shows how it goes; `/onceover cancel` stops it."
            ),
        ),
        (
            "/onceover rerun all",
            snapshot(
                "Commit `3c1f0a9be27d`: all stages run again. The check run `Onceover` shows how it goes; `/onceover cancel` stops it."
            ),
        ),
        (
            "/onceover cancel",
            snapshot("The review of commit `3c1f0a9be27d` is cancelled. `/onceover review` starts it again."),
        ),
        ("/onceover pause", snapshot("Reviews of this pull request are paused. `/onceover resume` ends the pause.")),
        (
            "/onceover resume",
            snapshot(
                "Reviews go on, with commit `3c1f0a9be27d`. The check run `Onceover` shows how it goes; `/onceover cancel` stops it."
            ),
        ),
    ],
)
def test_what_is_done_is_told_with_its_commit(body: str, text: str) -> None:
    command = parse_command(body)

    assert command is not None
    assert replies.accepted(command, HEAD).text == text


def test_a_misspelt_command_gets_the_nearest_name() -> None:
    command = parse_command("/onceover reveiw")

    assert command is not None
    assert replies.not_understood(command) == snapshot(
        Reply(
            reaction="confused",
            text="There is no command `reveiw`. Did you mean `review`? `/onceover help` tells what can be asked.",
        )
    )


def test_help_tells_every_verb() -> None:
    text = replies.helped().text

    assert text == snapshot("""\
**What Onceover understands**

- `/onceover review [--fresh]`: review the newest commit; `--fresh` does everything anew, even what is done
- `/onceover rerun STAGE|all|failed [--fresh]`: run a stage again, and what builds on it: `analyze`, `test`, `docs`, `summarize`, `comment`
- `/onceover status`: tell how the review stands
- `/onceover cancel`: stop the review of the newest commit
- `/onceover pause`: review nothing on this pull request until `resume`
- `/onceover resume`: review this pull request again
- `/onceover config`: show the configuration as it is understood
- `/onceover explain FINDING`: tell a finding whole, and how it came about
- `/onceover dismiss FINDING [REASON|--undo]`: no longer tell a finding on this pull request; `--undo` takes that back
- `/onceover help`: this list

`status` and `help` are for everybody; the others need write permission on this repository.

A command stands at the start of a line, outside quotes and code; the first one of a comment counts.\
""")
    assert set(replies.MEANINGS) == set(USAGE)


def test_status_shows_the_stages_and_the_next_attempt() -> None:
    stages = [a_stage("analyze"), a_stage("test", StageState.RUNNING, attempt=1)]

    reply = replies.status(stages, head=HEAD, words="under way.", now_ms=NOW_MS, next_attempt_ms=NOW_MS + 5 * MINUTE_MS)

    assert reply.text == snapshot("""\
Commit `3c1f0a9be27d`: under way. The next attempt comes at 12:05 UTC.

| | Stage | State | Try | Time |
| :-: | --- | --- | ---: | ---: |
| ✓ | analyze | done | 1 | 14 s |
| ● | test | running | 1 |  |

`/onceover rerun failed` repeats what failed.\
""")


def test_a_configuration_is_shown_without_secrets() -> None:
    reply = replies.config_seen(f"key: {SECRET}", source="`.github/onceover.yml` of `main`", problems=["Line 3: no."])

    assert reply.text == snapshot("""\
The configuration as it is understood, from `.github/onceover.yml` of `main`.

- Line 3: no.

  ```yaml
  key: <secret:github-token:medium>
  ```

To change it, change `.github/onceover.yml` on the base branch; what a pull request says is not read.\
""")


def test_other_answers_read_well() -> None:
    finding = a_finding(title="Prices are text")
    command = Command(verb="review")

    texts = [
        replies.stale(HEAD, NEWER).text,
        replies.no_such_finding("0" * 7, HEAD, [finding]).text,
        replies.no_such_finding("0" * 7, HEAD, []).text,
        replies.dismissed(finding, "it is meant so").text,
        replies.undismissed(finding.fingerprint, HEAD).text,
        replies.not_dismissed("0000", [finding.fingerprint]).text,
        replies.not_dismissed("0000", []).text,
        replies.nothing_to_do(command, HEAD).text,
        replies.cannot_now("The pull request is closed.").text,
    ]

    assert texts == snapshot(
        [
            "That was about commit `3c1f0a9be27d`; the newest is `ffffffffffff`, so nothing was done. `/onceover review` reviews the newest.",
            """\
The review of commit `3c1f0a9be27d` has no single finding `0000000`.

There are:

- `3b2d334` Prices are text

Ids stand at the end of each finding.\
""",
            """\
The review of commit `3c1f0a9be27d` has no single finding `0000000`.

It has none at all.

Ids stand at the end of each finding.\
""",
            """\
**Prices are text** (`3b2d334`) is dismissed on this pull request, and asks for no changes any more. Reason: it is meant so

`/onceover dismiss 3b2d334 --undo` takes that back.\
""",
            """\
Finding `3b2d334` is told again, if commit `3c1f0a9be27d` still has it.

`/onceover help` tells what can be asked.\
""",
            "`0000` names no single dismissed finding of this pull request. Dismissed are `3b2d334`. `/onceover help` tells what can be asked.",
            "`0000` names no single dismissed finding of this pull request. No finding is. `/onceover help` tells what can be asked.",
            "Commit `3c1f0a9be27d` is reviewed, and nothing changed since. `/onceover review --fresh` does it anew.",
            "This cannot be done now: The pull request is closed. `/onceover help` tells what can be asked.",
        ]
    )


def test_an_explanation_of_a_models_finding_says_what_it_rests_on() -> None:
    finding = a_finding(evidence="total = sum(prices)", confidence=0.9)
    read = Provenance(
        model="gpt-test",
        steps={"turn": 6, "tool": 11},
        decisions=(
            "read docs/ in 2 turns",
            "read shop/order.py in 4 turns with 11 tool calls; it ended by: done",
            "stands: shop/order.py:40 The total ignores the discount: Line 42 adds before line 43 discounts.",
            "refuted: shop/order.py:42 Another matter: It is handled above.",
        ),
    )
    said = Dismissal(by="alice", reason="Meant so.")

    assert replies.explained(finding, read, said).text == snapshot("""\
- **The total ignores the discount** `shop/order.py:42`

  `total()` adds the prices before `apply_discount` has run, so the customer pays in full.

  Bug, found by `model`, 90% sure. Id `abf33fa`.

**The code that it quotes**, `shop/order.py:42`:

  ```
  total = sum(prices)
  ```

**How it was found:** by `gpt-test`, which is 90% sure. The whole change took it 6 turns with 11 tool calls.

**A second look**, which tried to refute it: it stands. Line 42 adds before line 43 discounts.

**What was decided on the way**

- read shop/order.py in 4 turns with 11 tool calls; it ended by: done
- read docs/ in 2 turns

**Dismissed** by `@alice`: Meant so.

`/onceover dismiss abf33fa --undo` has it told again.\
""")


def test_an_explanation_of_an_analysers_finding_links_the_page_of_its_rule() -> None:
    finding = a_finding(source="ruff:F401", title="`os` imported but unused", claim="`os` imported but unused")

    text = replies.explained(finding, Provenance(tools=("ruff 0.17.6", "bandit 1.9.4"))).text

    assert text == snapshot("""\
- **`os` imported but unused** `shop/order.py:42`

  Bug, found by `ruff:F401`. Id `b0505d5`.

**How it was found:** by `ruff 0.17.6`, rule `F401`, [documented there](https://docs.astral.sh/ruff/rules/F401/). No model took part.

Not right? `/onceover dismiss b0505d5` and a reason.\
""")


def test_an_explanation_links_the_lines_of_the_commit_and_of_no_other_path() -> None:
    link = link_to("https://github.com/acme/shop", HEAD)

    there = replies.explained(a_finding(line=3, line_end=4), Provenance(), link=link).text
    nowhere = replies.explained(a_finding(path="../../evil/x.py"), Provenance(), link=link).text

    assert f"](https://github.com/acme/shop/blob/{HEAD}/shop/order.py#L3-L4)" in (there or "")
    assert "](https://" not in (nowhere or "")


def test_an_answer_of_its_own_begins_with_its_marker() -> None:
    marker = a_marker(kind="answer-comment-7")

    body = replies.answer_body(marker, replies.helped())

    assert body is not None
    assert read_marker(body) == marker


@given(any_text)
@example("\n".join(HOSTILE))
@example("`" * 70_000)
def test_no_text_of_a_stranger_acts_in_an_answer(text: str) -> None:
    for reply in every_reply(text):
        assert reply.text is not None
        assert [one for one in what_acts(reply.text) if one != "link_open"] == []
        assert links_in(reply.text) <= set(RULE_HOSTS)
        assert length(reply.text) < COMMENT_CHARACTERS_MAX // 2 + 1
        assert "onceover" in reply.text or "Ids stand" in reply.text
