"""A command is what a reader sees as plain text at the start of a line, and its arguments are what the verb takes."""
# ruff: noqa: E501 - what a problem says stands as it is read, in one line.

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from pipeline.review.pull.command import BODY_CHARACTERS_MAX, REASON_CHARACTERS_MAX, USAGE, Command, parse_command
from tests.review.hostile_text import HOSTILE, any_text
from tests.review.markdown_reader import what_acts

FINDING = "9cf2ccb34b0f83eb"
SECRET = "ghp_" + "a1B2" * 9


@pytest.mark.parametrize(
    ("body", "command"),
    [
        ("/onceover review", Command(verb="review")),
        ("/onceover", Command(verb="help")),
        ("  /onceover status  ", Command(verb="status")),
        ("/Onceover Review", Command(verb="review")),
        ("/onceover\treview --fresh", Command(verb="review", fresh=True)),
        ("Thanks, that was it.\r\n/onceover rerun test\r\n", Command(verb="rerun", arguments=("test",))),
        ("/onceover rerun --fresh all", Command(verb="rerun", arguments=("all",), fresh=True)),
        ("/onceover rerun Failed", Command(verb="rerun", arguments=("failed",))),
        (f"/onceover explain `{FINDING}`", Command(verb="explain", arguments=(FINDING,))),
        ("/onceover explain ab12cd3", Command(verb="explain", arguments=("ab12cd3",))),
        ("/onceover dismiss ab12cd3 --undo", Command(verb="dismiss", arguments=("ab12cd3", "--undo"))),
        (f"/onceover dismiss {FINDING.upper()}", Command(verb="dismiss", arguments=(FINDING,))),
        (
            f"/onceover dismiss {FINDING} it's --fresh & *fine*",
            Command(verb="dismiss", arguments=(FINDING, "it's --fresh & fine")),
        ),
        ("/onceover review\n--\nSent from a telephone", Command(verb="review")),
        ("> Please wait.\n\n/onceover cancel", Command(verb="cancel")),
        ("```\ncode\n```\n/onceover cancel", Command(verb="cancel")),
        ("<b>Done</b>\n\n/onceover cancel", Command(verb="cancel")),
        ("<blockquote>x</blockquote>\n\n/onceover cancel", Command(verb="cancel")),
    ],
)
def test_a_command_at_the_start_of_a_line_is_understood(body: str, command: Command) -> None:
    assert parse_command(body) == command


@pytest.mark.parametrize(
    "body",
    [
        "",
        "Looks good.",
        "please /onceover review",
        "> /onceover review",
        "> Somebody wrote\n/onceover review",
        ">> /onceover review\n> and",
        "```\n/onceover review\n```",
        "~~~\n/onceover review",
        "    /onceover review",
        "A text.\n\n\t/onceover review",
        "`/onceover review`",
        "Say `a\n/onceover review\nb`",
        "<!--\n/onceover review\n-->",
        "A <!--\n/onceover review\n--> text",
        "<pre>\n/onceover review\n\n/onceover review</pre>",
        "<blockquote>\n\n/onceover review\n\n</blockquote>",
        "Say <code>\n/onceover review\n</code>",
        "- /onceover review",
        "- item\n/onceover review",
        "1. /onceover review",
        "# /onceover review",
        "| a |\n|---|\n/onceover review",
        "**/onceover review**",
        "~~/onceover review~~",
        "/onceo**ver review**",
        "/onceover*x* review",
        "/onceover`x` review",
        "[x](\n/onceover 'review')",
        "[/onceover review](http://evil.example)",
        "![\n/onceover review](x)",
        "\\/onceover review",
        "&#47;onceover review",
        "/onceoverx review",
        "/onceover-review",
        "//onceover review",
        "@onceover review",
        "/once\u200bover review",
        "\u200b/onceover review",
        "/\u043enceover review",
        "/onceover\u00a0review",
        "\u2215onceover review",
        "No.\n\n-----Original Message-----\n/onceover review",
        "No.\n\nOn Mon, 23 Nov 2026 at 12:00, Somebody wrote:\n\n/onceover review",
        "________________________________\nFrom: Somebody\n\n/onceover review",
    ],
)
def test_what_only_looks_like_a_command_is_none(body: str) -> None:
    """Security case 20, and its relatives; also beside a line that makes it worth reading."""
    assert parse_command(body) is None
    assert parse_command(f"{body}\n\n```\n/onceover status\n```") is None


def test_only_the_first_command_of_a_comment_counts() -> None:
    assert parse_command("/onceover status\n/onceover cancel") == Command(verb="status")
    assert parse_command("> /onceover cancel\n\n/onceover status") == Command(verb="status")


@pytest.mark.parametrize(
    ("body", "verb", "problem"),
    [
        ("/onceover reveiw", "help", snapshot("There is no command `reveiw`. Did you mean `review`?")),
        (
            "/onceover make-coffee",
            "help",
            snapshot(
                "There is no command `make-coffee`. There are `review`, `rerun`, `status`, `cancel`, `pause`, `resume`, `config`, `explain`, `dismiss`, `help`."
            ),
        ),
        (
            "/onceover $(id)",
            "help",
            snapshot(
                "There is no such command. There are `review`, `rerun`, `status`, `cancel`, `pause`, `resume`, `config`, `explain`, `dismiss`, `help`."
            ),
        ),
        ("/onceover rerun tets", "rerun", snapshot("There is no stage `tets`. Did you mean `test`?")),
        (
            "/onceover rerun",
            "rerun",
            snapshot(
                "Say what to run again. It is written `/onceover rerun STAGE|all|failed [--fresh]`.",
            ),
        ),
        (
            "/onceover rerun test docs",
            "rerun",
            snapshot(
                "One stage at a time, or `all`. It is written `/onceover rerun STAGE|all|failed [--fresh]`.",
            ),
        ),
        (
            "/onceover review --model=x",
            "review",
            snapshot(
                "The only option of `review` is `--fresh`. It is written `/onceover review [--fresh]`.",
            ),
        ),
        (
            "/onceover status --fresh",
            "status",
            snapshot("`status` has no options. It is written `/onceover status`."),
        ),
        (
            "/onceover cancel now",
            "cancel",
            snapshot("`cancel` takes nothing after it. It is written `/onceover cancel`."),
        ),
        (
            "/onceover dismiss ab12cd3 --undo because",
            "dismiss",
            snapshot("`--undo` takes no reason. It is written `/onceover dismiss FINDING [REASON|--undo]`."),
        ),
        (
            "/onceover explain ab1",
            "explain",
            snapshot(
                "Name a finding by its id, the letters and digits at its end. It is written `/onceover explain FINDING`."
            ),
        ),
        (
            "/onceover explain ../../etc",
            "explain",
            snapshot(
                "Name a finding by its id, the letters and digits at its end. It is written `/onceover explain FINDING`."
            ),
        ),
        (
            f"/onceover explain {FINDING} {FINDING}",
            "explain",
            snapshot("`explain` takes one id and nothing after it. It is written `/onceover explain FINDING`."),
        ),
    ],
)
def test_what_cannot_be_done_as_written_is_told_with_the_nearest_name(body: str, verb: str, problem: str) -> None:
    command = parse_command(body)

    assert command is not None
    assert (command.verb, command.arguments, command.problem) == (verb, (), problem)


@pytest.mark.parametrize(
    "arguments",
    [
        "--api-base=http://x",
        "--model ../../",
        "$(id)",
        "a" * 64_000,
        '{"verb": "review"}',
        "`r;m`",
        "@org/team",
        "<img src=x>",
        "#1",
    ],
)
@pytest.mark.parametrize("verb", sorted({*USAGE, ""} - {"dismiss"}))
def test_hostile_arguments_are_refused_and_not_repeated(verb: str, arguments: str) -> None:
    """Security case 22."""
    command = parse_command(f"/onceover {verb} {arguments}")

    assert command is None or command.problem is not None
    assert command is None or arguments not in (command.problem or "")
    assert command is None or what_acts(command.problem or "") == []


def test_an_argument_ends_with_its_line() -> None:
    assert parse_command("/onceover rerun\ntest") == parse_command("/onceover rerun")


def test_a_reason_is_cut_shown_and_without_secrets() -> None:
    command = parse_command(f"/onceover dismiss {FINDING} \u202e{SECRET} {'so ' * 500}")

    assert command is not None
    reason = command.arguments[1]
    assert reason.startswith("<U+202E><secret:github-token:medium> so so")
    assert len(reason) <= REASON_CHARACTERS_MAX


def test_a_long_comment_is_read_up_to_a_whole_paragraph() -> None:
    """Half a code span would look like text."""
    words = "word " * (BODY_CHARACTERS_MAX // 5 - 10)

    assert parse_command(f"/onceover status\n\n{words * 3}") == Command(verb="status")
    assert parse_command(f"{words}\n\n`\n/onceover review {'x' * 100}\n`") is None
    assert parse_command(f"{words * 3}\n\n/onceover status") is None


@given(st.one_of(any_text, st.lists(any_text, max_size=4).map("\n/onceover ".join)))
@example("/onceover " + "\n".join(HOSTILE))
@example("\n/onceover ".join(HOSTILE))
def test_any_text_is_read_without_an_error_and_its_problem_acts_nowhere(body: str) -> None:
    command = parse_command(body)

    if command is not None:
        assert command.verb in USAGE
        assert what_acts(command.problem or "") == []
