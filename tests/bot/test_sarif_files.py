"""`onceover review` takes SARIF of other tools in, and writes its own."""

import json

from tests.bot.command_world import CommandWorld


def scan(path: str, line: int, text: str) -> str:
    place = {"artifactLocation": {"uri": path}, "region": {"startLine": line}}
    result = {"ruleId": "coupling", "level": "error", "message": {"text": text}}
    run = {
        "tool": {"driver": {"name": "semgrep"}},
        "results": [result | {"locations": [{"physicalLocation": place}]}],
    }
    return json.dumps({"version": "2.1.0", "runs": [run]})


async def test_what_another_tool_says_of_a_changed_line_is_told_and_of_another_not(world: CommandWorld) -> None:
    world.make_repository({"shop/scanned.py": "FIRST = 1\nSECOND = 2\n"})
    seen, unseen = world.place / "seen.sarif", world.place / "unseen.sarif"
    seen.write_text(scan("shop/scanned.py", 2, "Two is one too many."))
    unseen.write_text(scan("README.md", 1, "Not of this change."))

    ended = await world.review("--sarif-in", str(seen), "--sarif-in", str(unseen), "--json")

    told = [(one["path"], one["line"], one["source"]) for one in ended.review["findings"]]
    assert ("shop/scanned.py", 2, "semgrep:coupling") in told
    assert not any(path == "README.md" for path, _, source in told if source.startswith("semgrep"))


async def test_the_findings_are_written_as_sarif_that_reads_back(world: CommandWorld) -> None:
    world.make_repository()
    out = world.place / "review.sarif"

    ended = await world.review("--sarif-out", str(out), "--json")

    results = json.loads(out.read_text())["runs"][0]["results"]
    assert len(results) == len(ended.review["findings"])
    assert not list(world.place.glob("*.part"))


async def test_a_file_that_is_no_sarif_and_a_place_that_cannot_be_written_are_told_before_and_after(
    world: CommandWorld,
) -> None:
    world.make_repository()
    (world.place / "bad.sarif").write_text("{}")

    unread = await world.review("--sarif-in", str(world.place / "bad.sarif"))
    missing = await world.review("--sarif-in", str(world.place / "none.sarif"))
    unwritten = await world.review("--sarif-out", str(world.place / "nowhere" / "x.sarif"))

    assert [unread.code, missing.code, unwritten.code] == [3, 3, 3]
    assert "no SARIF 2.1.0" in unread.news
    assert "none.sarif cannot be read: No such file" in missing.news
    assert "x.sarif cannot be written" in unwritten.news
