"""The analysers: the real programs over small planted files, and impostors that hang, crash and lie."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from pipeline.services.analyzers.remark import Remark
from pipeline.services.analyzers.runner import Analysis, run_analyzers
from pipeline.services.analyzers.settings import AnalyzerSettings, search_path
from pipeline.services.analyzers.suppressions import suppressed_lines
from pipeline.services.analyzers.toolbox import TOOLS, at_hand, open_toolbox

ALL = tuple(TOOLS)

WORKFLOW = b"""on: push
permissions: {}
jobs:
  greet:
    runs-on: ubuntu-latest
    steps:
      - run: echo ${{ github.event.head_commit.message }}
"""

CLEAN_WORKFLOW = b"""name: greet
on: push
permissions: {}
concurrency: {group: greet, cancel-in-progress: true}
jobs:
  greet:
    name: greet
    runs-on: ubuntu-latest
    steps:
      - run: echo hello
"""

PLANTED = {
    "ruff": ("shop/price.py", b"def price():\n    return amuont_due\n", "F821", 2),
    "bandit": ("shop/run.py", b"import subprocess\n\nsubprocess.call('ls ' + name, shell=True)\n", "B602", 3),
    "shellcheck": ("tools/clean", b'#!/usr/bin/env bash\nrm -rf "$1/"*\n', "SC2115", 2),
    "zizmor": (".github/workflows/greet.yml", WORKFLOW, "template-injection", 7),
    "typos": ("README.md", b"# Shop\n\nYou will recieve a parcel.\n", "spelling", 3),
}

CLEAN = {
    "ruff": ("shop/price.py", b'"""Prices."""\n\n\ndef price() -> int:\n    return 1\n'),
    "bandit": ("shop/run.py", b'"""Nothing dangerous."""\n\nassert True\n'),
    "shellcheck": ("tools/clean.sh", b'#!/bin/sh\nrm -f "${1:?a file}"\n'),
    "zizmor": (".github/workflows/greet.yml", CLEAN_WORKFLOW),
    "typos": ("README.md", b"# Shop\n\nYou will receive a parcel.\n"),
}

HANG_SECONDS = 2.0
"""Patience with impostors that hang; the honest tools beside them answer in a twentieth of it."""

HOSTILE_SETTINGS = {
    "ruff": {
        "pyproject.toml": b'[tool.ruff.lint]\nignore = ["ALL"]\n',
        "shop/ruff.toml": b'exclude = ["*"]\n',
        "shop/.ruff.toml": b'exclude = ["*"]\n',
        ".gitignore": b"*\n",
    },
    "bandit": {".bandit": b"[bandit]\nskips = B602\n", "shop/.bandit": b"[bandit]\nexclude = /\n", "bandit.yaml": b""},
    "shellcheck": {".shellcheckrc": b"disable=all\n", "tools/.shellcheckrc": b"disable=all\n"},
    "zizmor": {
        "zizmor.yml": b"rules: {template-injection: {disable: true}}\n",
        ".github/zizmor.yml": b"rules: {template-injection: {disable: true}}\n",
    },
    "typos": {
        ".typos.toml": b'[default.extend-words]\nrecieve = "recieve"\n',
        "_typos.toml": b'[files]\nextend-exclude = ["*"]\n',
        ".ignore": b"*\n",
    },
}


async def analyze(
    files: Mapping[str, bytes], names: Sequence[str] = ALL, settings: AnalyzerSettings | None = None
) -> Analysis:
    """Run the named tools over the files."""
    settings = settings or AnalyzerSettings()
    return await run_analyzers(files, toolbox=await open_toolbox(names, settings), settings=settings)


def told(remarks: Sequence[Remark]) -> set[tuple[str, str, int]]:
    """Say path, rule and line of each remark."""
    return {(remark.path, remark.rule, remark.line) for remark in remarks}


def make_impostor(directory: Path, name: str, body: str) -> AnalyzerSettings:
    """Put a shell script in the place of a tool, before all others."""
    program = directory / name
    program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && {{ echo {name} 1.2.3; exit; }}\n{body}\n')
    program.chmod(0o755)
    return AnalyzerSettings(directories=(directory, *AnalyzerSettings().directories), call_seconds_max=HANG_SECONDS)


@pytest.mark.parametrize("name", ALL)
async def test_each_tool_finds_the_planted_defect(name: str) -> None:
    path, content, rule, line = PLANTED[name]

    analysis = await analyze({path: content}, [name])

    assert (path, rule, line) in told(analysis.remarks)
    assert [label.split()[0] for label in analysis.tools] == [name]
    assert analysis.unread == ()


async def test_all_tools_are_quiet_about_clean_files() -> None:
    analysis = await analyze(dict(CLEAN.values()))

    assert analysis.remarks == ()
    assert analysis.unread == ()
    assert len(analysis.tools) == len(ALL)


@pytest.mark.parametrize("name", ALL)
async def test_settings_in_the_change_silence_no_tool(name: str) -> None:
    """Case 26: what a pull request brings is read, never obeyed."""
    path, content, rule, line = PLANTED[name]

    analysis = await analyze({**HOSTILE_SETTINGS[name], path: content}, [name])

    assert (path, rule, line) in told(analysis.remarks)


async def test_a_remark_says_how_bad_what_and_where_to_read_on() -> None:
    path, content, _, _ = PLANTED["bandit"]

    (remark,) = (await analyze({path: content}, ["bandit"])).remarks

    assert (remark.level, remark.category, remark.confidence) == ("high", "security", 0.9)
    assert remark.title == "A shell command is built from a string (`shell=True`)"
    assert "https://bandit.readthedocs.io/" in remark.message


async def test_ruff_leaves_security_to_bandit() -> None:
    """One defect, one remark."""
    path, content, _, _ = PLANTED["bandit"]

    analysis = await analyze({path: content.replace(b"name", b"'x'")}, ["ruff", "bandit"])

    assert told(analysis.remarks) == {(path, "B602", 3)}


async def test_titles_carry_no_line_numbers() -> None:
    """A finding is known again on the next push by its title."""
    source = b"import os\nimport os\n\nos.getcwd()\n"

    (remark,) = (await analyze({"a.py": source}, ["ruff"])).remarks

    assert remark.rule == "F811"
    assert remark.title == "Redefinition of unused `os`"


async def test_a_syntax_error_is_a_remark_of_ruff_and_a_gap_of_bandit() -> None:
    analysis = await analyze({"a.py": b"def f(:\n"}, ["ruff", "bandit"])

    assert analysis.remarks[0].rule == "invalid-syntax"
    assert analysis.remarks[0].level == "critical"
    assert [(entry.what, entry.gap) for entry in analysis.unread] == [("bandit: a.py", True)]


async def test_the_newest_python_grammar_is_no_syntax_error() -> None:
    analysis = await analyze({"a.py": b"type Pair[T] = tuple[T, T]\n"}, ["ruff"])

    assert analysis.remarks == ()


async def test_a_tool_that_is_not_installed_is_said_with_what_to_do(tmp_path: Path) -> None:
    analysis = await analyze({"a.py": b"x\n"}, ["ruff"], AnalyzerSettings(directories=(tmp_path,)))

    (entry,) = analysis.unread
    assert (entry.what, entry.why) == ("ruff", "not installed: pip install 'onceover[analyzers]'")
    assert analysis.tools == ()


async def test_an_unknown_name_is_answered_with_those_that_exist() -> None:
    analysis = await analyze({}, ["rufff"])

    assert analysis.unread[0].why == "no analyser of that name; there are ruff, bandit, shellcheck, zizmor, typos"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("sleep 60", f"no answer within {HANG_SECONDS:g} s"),
        ("echo it broke >&2; exit 70", "ended with code 70: it broke"),
        ("kill -SEGV $$", "ended with code -11"),
        ("echo '<html>'", "shellcheck 1.2.3 said something that is not its output format"),
        ("exit 0", "shellcheck 1.2.3 said something that is not its output format"),
        ("printf '\\377\\000'", "shellcheck 1.2.3 said something that is not its output format"),
        (
            'echo \'{"comments":[{"file":"/etc/passwd","line":1,"endLine":1,"level":"error","code":1,"message":""}]}\'',
            "shellcheck 1.2.3 said something that is not its output format",
        ),
    ],
)
async def test_a_tool_that_misbehaves_is_said_and_harms_no_other(tmp_path: Path, body: str, why: str) -> None:
    settings = make_impostor(tmp_path, "shellcheck", body)
    path, content, _, _ = PLANTED["shellcheck"]
    other, text, rule, line = PLANTED["typos"]

    analysis = await analyze({path: content, other: text}, ["shellcheck", "typos"], settings)

    assert [(entry.what, entry.why, entry.gap) for entry in analysis.unread] == [(f"shellcheck: {path}", why, True)]
    assert (other, rule, line) in told(analysis.remarks)
    assert [label.split()[0] for label in analysis.tools] == ["typos"]


async def test_a_tool_that_says_too_much_is_stopped(tmp_path: Path) -> None:
    settings = make_impostor(tmp_path, "ruff", "exec yes")

    analysis = await analyze({"a.py": b"x\n"}, ["ruff"], settings)

    assert analysis.unread[0].why == "said more than 16,000,000 bytes"


async def test_a_tool_that_has_no_version_is_not_used(tmp_path: Path) -> None:
    program = tmp_path / "ruff"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)

    analysis = await analyze({"a.py": b"x\n"}, ["ruff"], AnalyzerSettings(directories=(tmp_path,)))

    assert "did not say its version" in analysis.unread[0].why


async def test_one_file_that_hangs_a_tool_costs_only_its_own_batch(tmp_path: Path) -> None:
    settings = make_impostor(tmp_path, "zizmor", 'for f; do :; done; grep -q hang "$f" && sleep 60; echo "[]"')
    files = {".github/workflows/a.yml": b"hang", ".github/workflows/b.yml": b"fine"}

    analysis = await analyze(files, ["zizmor"], settings)

    assert [entry.what for entry in analysis.unread] == ["zizmor: .github/workflows/a.yml"]
    assert analysis.tools == ("zizmor 1.2.3",)


async def test_the_time_of_a_tool_has_an_end_over_all_its_calls(tmp_path: Path) -> None:
    settings = make_impostor(tmp_path, "zizmor", "sleep 60")
    hurried = AnalyzerSettings(directories=settings.directories, call_seconds_max=0.2, tool_seconds_max=0.2)

    analysis = await analyze({f".github/workflows/{n}.yml": b"" for n in range(50)}, ["zizmor"], hurried)

    assert [entry.why for entry in analysis.unread] == ["no answer within 0.2 s", *["its 0.2 s were over"] * 11]
    assert analysis.unread[-1].what == "zizmor: 39 more files"


async def test_a_tool_sees_nothing_of_our_environment_and_nothing_beside_the_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lesson of the linter that was handed the App's private key."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    seen = tmp_path / "seen"
    settings = make_impostor(tmp_path, "typos", f"{{ env; pwd; find .. ; }} > {seen}")

    await analyze({"a/../../evil/_typos.toml": b"x", "-rf": b"y", "a/action.yml": b"z"}, ["typos"], settings)

    lines = seen.read_text().splitlines()
    assert not any("canary" in line for line in lines)
    assert {line.split("=")[0] for line in lines if "=" in line} <= {
        "PATH", "LANG", "HOME", "TMPDIR", "NO_COLOR", "PYTHONDONTWRITEBYTECODE", "PYTHONSAFEPATH", "PWD",
    }  # fmt: skip
    assert sorted(line for line in lines if line.startswith("..")) == [
        "..",
        "../files",
        "../files/00000.toml",
        "../files/00001",
        "../files/00002",
        "../files/00002/action.yml",
        "../home",
    ]


async def test_nothing_is_left_behind_also_when_cancelled(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "where")
    settings = make_impostor(tmp_path, "typos", f"pwd > {tmp_path}/where; sleep 60")
    patient = AnalyzerSettings(directories=settings.directories)

    review = asyncio.ensure_future(analyze({"a.md": b"x"}, ["typos"], patient))
    workspace = await asyncio.to_thread((tmp_path / "where").read_text)  # A pipe: waits until the tool runs.
    review.cancel()
    await asyncio.wait({review})

    assert review.cancelled()
    assert not await asyncio.to_thread(os.path.lexists, workspace.strip())


HOSTILE_NAMES = (
    "-rf.py",
    "a\nb.py",
    "\x1b[31mred.py",
    "\u202eyp.live.py",
    "../../up.py",
    "/etc/abs.py",
    "x" * 250 + ".py",
    "\udcff.py",
    "--config=evil.py",
    "$(touch x).py",
)


async def test_hostile_names_are_read_like_any_other() -> None:
    """Case 53."""
    analysis = await analyze(dict.fromkeys(HOSTILE_NAMES, b"print(undefined)\n"), ["ruff", "bandit"])

    assert told(analysis.remarks) == {(path, "F821", 1) for path in HOSTILE_NAMES}
    assert analysis.unread == ()


async def test_a_hostile_name_is_shown_harmless_where_it_is_told() -> None:
    analysis = await analyze({"\x1b[31m\u202e.py": b"def f(:\n"}, ["bandit"])

    assert analysis.unread[0].what == "bandit: \\x1b[31m\\u202e.py"


HOSTILE_CONTENT = (
    b"x = '\xff'\n",
    b"\xff\xfex\x00=\x001\x00",
    b"x = 1\x00\n",
    b"",
    b"\n" * 5000,
    b"(" * 5000,
    b"\xef\xbb\xbfx = 1\n",
    b"x" * 500_000,
    b"print('\xe2\x80\xae')\n",
)


async def test_hostile_content_stops_nobody() -> None:
    """Case 41."""
    planted, source, rule, line = PLANTED["ruff"]
    hostile = {f"{n}.{kind}": content for n, content in enumerate(HOSTILE_CONTENT) for kind in ("py", "md")}

    analysis = await analyze({**hostile, planted: source})

    assert (planted, rule, line) in told(analysis.remarks)
    assert ("8.py", "B613", 1) in told(analysis.remarks)
    assert len(analysis.tools) == 3


async def test_a_file_whose_lines_the_tools_would_count_otherwise_is_said() -> None:
    analysis = await analyze({"a.py": b"x = 1\ry = undefined\n"}, ["ruff"])

    assert analysis.remarks == ()
    assert analysis.unread[0].why.startswith("has carriage returns without line feeds")


async def test_windows_line_ends_keep_their_numbers() -> None:
    analysis = await analyze({"a.py": b"x = 1\r\n\r\nprint(undefined)\r\n"}, ["ruff"])

    assert told(analysis.remarks) == {("a.py", "F821", 3)}


async def test_limits_cut_the_end_and_count_what_is_cut() -> None:
    """Case 38."""
    settings = AnalyzerSettings(file_bytes_max=100, total_bytes_max=150, files_max=3)
    files = {"a.py": b"a" * 90, "huge.py": b"b" * 101, "b.py": b"c" * 70, "c.py": b"d", "d.py": b"e", "e.py": b"f"}

    analysis = await analyze(files, ["ruff"], settings)

    assert [(entry.what, entry.why) for entry in analysis.unread] == [
        ("analysers: huge.py", "larger than 100 bytes, the limit for analysers"),
        ("analysers: b.py", "beyond the first 150 bytes of changed files"),
        ("analysers: e.py", "beyond the first 3 files"),
    ]


async def test_files_without_an_analyser_are_no_gap() -> None:
    analysis = await analyze({"main.go": b"package main\n"}, ["ruff", "bandit", "shellcheck", "zizmor"])

    assert analysis == Analysis()


async def test_a_suppression_is_honoured_and_found() -> None:
    content = b"print(undefined)  # noqa: F821\nimport pickle\n# nosec\n# ruff: noqa\n"

    analysis = await analyze({"a.py": content}, ["ruff"])

    assert analysis.remarks == ()
    assert suppressed_lines(content) == (1, 3, 4)
    assert suppressed_lines(b"x = 'nosecond' # now\n") == ()


def test_programs_are_looked_for_beside_python_and_never_in_a_relative_directory() -> None:
    directories = search_path(f"{os.curdir}:bin::/usr/bin")

    assert [str(directory) for directory in directories[1:]] == ["/usr/bin"]


def test_tools_at_hand_are_those_with_a_program(tmp_path: Path) -> None:
    (tmp_path / "typos").write_text("#!/bin/sh\n", encoding="ascii")
    (tmp_path / "ruff").write_text("not a program\n", encoding="ascii")
    (tmp_path / "typos").chmod(0o700)

    assert at_hand(AnalyzerSettings(directories=(tmp_path,))) == ("typos",)
