"""What somebody sees who checks a configuration file before it is merged."""

import json
import os
from pathlib import Path

import pytest

from bot.commands.config import NoConfiguration, check, schema, show
from bot.exit_codes import ExitCode, exit_code_of
from pipeline.review.configuration.schema import schema_text
from pipeline.review.configuration.yaml_tree import FILE_BYTES_MAX
from tests.bot.command_world import CommandWorld

BAD = """\
# Our rules
review:
  fail_on: hihg
  guidelines: |
    äöü 漢字
test: {command: make test}
"""


class Desk:
    """A repository, somebody who stands in it, and what the commands print there."""

    def __init__(self, top: Path, capsys: pytest.CaptureFixture[str], stand: pytest.MonkeyPatch) -> None:
        self.top = top
        self._capsys = capsys
        self._stand = stand
        (top / ".git").mkdir()
        self.go()

    def go(self, place: str = ".") -> None:
        """Stand in a directory of the repository, which is made."""
        (self.top / place).mkdir(parents=True, exist_ok=True)
        self._stand.chdir(self.top / place)

    def write(self, content: str | bytes, name: str = ".github/onceover.yml") -> Path:
        """Write a file."""
        file = self.top / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def printed(self) -> str:
        """Take what was printed since the last time."""
        return self._capsys.readouterr().out


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A repository without a configuration."""
    return Desk(tmp_path, capsys, monkeypatch)


def test_a_file_without_a_problem_is_fine(desk: Desk) -> None:
    desk.write("review: {fail_on: low}\n")

    assert check() is ExitCode.DONE
    assert desk.printed() == ".github/onceover.yml is fine.\n"


def test_each_problem_is_told_with_its_line_and_a_caret(desk: Desk) -> None:
    desk.write(BAD)

    assert check() is ExitCode.CONFIGURATION
    first, line, caret, second, *_, last = desk.printed().splitlines()
    assert first.startswith(".github/onceover.yml:3:12: `review.fail_on` is the text `hihg`; expected")
    assert (line, caret) == ("      fail_on: hihg", "               ^")
    assert second.startswith(".github/onceover.yml:6:17: `test.command` is the text `make test`")
    assert last == "2 problems. While a file has one, the defaults apply instead of it."


@pytest.mark.parametrize("place", ["src/deep", ".github"])
def test_the_file_is_found_from_anywhere_in_the_repository(desk: Desk, place: str) -> None:
    desk.write("paused: maybe\n")
    desk.go(place)

    assert check() is ExitCode.CONFIGURATION
    assert desk.printed().startswith(f"{os.path.relpath(desk.top / '.github/onceover.yml')}:1:9: `paused`")


def test_the_repository_above_is_another_one(desk: Desk) -> None:
    """A file that stands above the top of the repository is not its own."""
    desk.write("paused: maybe\n")
    desk.go("vendored/.git")
    desk.go("vendored")

    with pytest.raises(NoConfiguration, match=r"There is no `.github/onceover.yml`") as refused:
        check()

    assert exit_code_of(refused.value) is ExitCode.USAGE


def test_any_file_can_be_named(desk: Desk) -> None:
    file = desk.write("colour: 1\n", "drafts/new.yml")

    assert check(file) is ExitCode.CONFIGURATION
    assert check(Path("drafts/new.yml")) is ExitCode.CONFIGURATION
    assert f"{file}:1:1: `colour` is no setting" in desk.printed()


def test_what_has_no_effect_is_noted_and_no_problem(desk: Desk) -> None:
    desk.write("test: {source: sandbox}\n")

    assert check() is ExitCode.DONE
    assert desk.printed() == (
        "note: `test.source` is `sandbox` but `test.command` is empty, so no tests are run.\n"
        ".github/onceover.yml is fine.\n"
    )


def test_a_program_reads_the_problems_as_json(desk: Desk) -> None:
    desk.write(BAD)

    assert check(as_json=True) is ExitCode.CONFIGURATION
    told = json.loads(desk.printed())
    assert told["file"] == ".github/onceover.yml"
    assert [(one["line"], one["column"], one["path"]) for one in told["problems"]] == [
        (3, 12, "review.fail_on"),
        (6, 17, "test.command"),
    ]
    assert len(told["notes"]) == 1


def test_the_caret_stands_below_wide_and_hidden_characters_too(desk: Desk) -> None:
    desk.write("review: {language: '漢字', a\u200bb: 1}\n")

    check()

    _, line, caret, *_ = desk.printed().splitlines()
    assert line == "    review: {language: '漢字', a<U+200B>b: 1}"
    assert caret == " " * len("    review: {language: '....', ") + "^"


def test_of_a_very_long_line_the_part_around_the_problem_is_shown(desk: Desk) -> None:
    desk.write(f"review: {{guidelines: '{'x' * 5_000}', colour: 1}}\n")

    check()

    _, line, caret, *_ = desk.printed().splitlines()
    assert len(line) < 120
    assert line[caret.index("^") :].startswith("colour: 1}")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff\xfe", "1:1: The file is UTF-16."),
        (b"a: \x1b[2J", "1:4: U+001B is a character that may not stand here."),
        (b"\x00" * (FILE_BYTES_MAX * 3), "1:1: The file has 65,537 bytes; the limit is 65,536."),
        (b"a:\n\tb: 1\n", "2:1: A tab stands where only spaces may."),
        (b"a: [\n", "2:1: This is no YAML: while parsing a flow node"),
    ],
)
def test_a_hostile_file_is_told_without_obeying_it(desk: Desk, content: bytes, told: str) -> None:
    """Security case 29."""
    desk.write(content)

    assert check() is ExitCode.CONFIGURATION
    printed = desk.printed()
    assert printed.startswith(f".github/onceover.yml:{told}")
    assert printed.replace("\n", "").isprintable()


@pytest.mark.parametrize("name", ["nowhere.yml", ".github", "pipe", "a\0b", "x" * 300])
def test_what_is_no_file_is_a_usage_error(desk: Desk, name: str) -> None:
    desk.go(".github")
    desk.go()
    os.mkfifo(desk.top / "pipe")

    with pytest.raises(NoConfiguration, match=r"(is no file|cannot be read: .*)\. Name ") as refused:
        check(Path(name))

    assert exit_code_of(refused.value) is ExitCode.USAGE
    assert str(refused.value).isprintable()


def test_the_schema_is_printed_as_it_is_published(desk: Desk) -> None:
    assert schema() is ExitCode.DONE
    assert desk.printed() == schema_text()


def test_every_setting_is_shown_with_its_value_and_its_origin(desk: Desk) -> None:
    desk.write("review: {inline_max: 3}\nfilters: {ignore: ['*.md']}\n")

    assert show() is ExitCode.DONE
    lines = desk.printed().splitlines()
    assert "review.inline_max: 3  # repository" in lines
    assert 'filters.ignore: ["*.md"]  # repository' in lines
    assert 'review.fail_on: "high"  # default' in lines


def test_without_a_file_the_defaults_are_shown(desk: Desk) -> None:
    assert show(as_json=True) is ExitCode.DONE
    shown = json.loads(desk.printed())
    assert {one["origin"] for one in shown} == {"default"}
    assert {"name": "review.inline_max", "value": 25, "origin": "default"} in shown


def test_a_file_with_a_problem_shows_what_holds_instead(desk: Desk) -> None:
    desk.write("review: {inline_max: 300}\n")

    assert show() is ExitCode.CONFIGURATION
    assert "review.inline_max: 25  # default" in desk.printed()


async def test_the_command_ends_with_the_code_that_says_how_it_went(world: CommandWorld) -> None:
    top = world.make_repository().path

    nothing = await world.run("config", "check", cwd=top)
    (top / ".github").mkdir()
    (top / ".github" / "onceover.yml").write_text("paused: maybe\n")
    bad = await world.run("config", "check", cwd=top)
    (top / ".github" / "onceover.yml").write_text("paused: true\n")
    good = await world.run("config", "check", cwd=top)

    assert [ended.code for ended in (nothing, bad, good)] == [2, 3, 0]
    assert nothing.news.startswith("onceover: There is no `.github/onceover.yml` in this directory or above it")
    assert bad.out.startswith(".github/onceover.yml:1:9: `paused` is the text `maybe`; expected `true` or `false`.\n")
    assert good.out == ".github/onceover.yml is fine.\n"
