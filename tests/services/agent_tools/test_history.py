"""line_history: the commits that touched a line, where there is a history."""

from dataclasses import replace

from tests.builders.repository import RepositoryBuilder
from tests.services.agent_tools.desk import DeskMaker


async def test_the_commits_that_touched_a_line_are_told_newest_first(make_desk: DeskMaker) -> None:
    repository = RepositoryBuilder(path=make_desk.path, is_checked_out=False)
    first = repository.commit({"a.py": "x = 1\ny = 1\n"}, "Begin with one")
    repository.commit({"a.py": "x = 1\ny = 2\n"}, "Touch the other line")
    head = repository.commit({"a.py": "x = 3\ny = 2\n"}, "Raise x\x1b[31m to \u202ethree\n\nBody")
    desk = await make_desk.over(repository, head)

    text = await desk.read("line_history", path="a.py", line=1)

    assert text.splitlines() == [
        "Commits that touched a.py, line 1, the newest first:",
        f"- {head[:12]} 2023-11-14 Raise x to <U+202E>three",
        f"- {first[:12]} 2023-11-14 Begin with one",
    ]


async def test_a_history_of_a_file_with_an_odd_name_is_told(make_desk: DeskMaker) -> None:
    desk = await make_desk({"a:1,2:\udce9": "x\n"})

    assert "Change" in await desk.read("line_history", path="a:1,2:<U+DCE9>", line=1)


async def test_a_long_history_is_told_up_to_the_limit(make_desk: DeskMaker) -> None:
    repository = RepositoryBuilder(path=make_desk.path, is_checked_out=False)
    shas = [repository.commit({"a": f"{number}\n"}) for number in range(6)]
    desk = (await make_desk.over(repository, shas[-1])).limited(commits_max=2)

    assert len((await desk.read("line_history", path="a", line=1)).splitlines()) == 3


async def test_a_shallow_clone_says_that_it_has_no_history(make_desk: DeskMaker) -> None:
    desk = await make_desk({"a": "x\n"})
    shallow = replace(desk, git=replace(desk.git, is_shallow=True))

    assert "is shallow" in await shallow.refusal("line_history", path="a", line=1)


async def test_a_line_or_a_file_that_is_not_there_is_refused(make_desk: DeskMaker) -> None:
    desk = await make_desk({"a": "x\n"})

    assert "has 1 lines only" in await desk.refusal("line_history", path="a", line=2)
    assert "not in this commit" in await desk.refusal("line_history", path="b", line=1)


async def test_a_secret_in_a_subject_is_redacted(make_desk: DeskMaker) -> None:
    repository = RepositoryBuilder(path=make_desk.path, is_checked_out=False)
    head = repository.commit({"a": "x\n"}, "Use " + "ghp_" + "A1b2" * 9)
    desk = await make_desk.over(repository, head)

    assert "Use <secret:github-token:medium>" in await desk.read("line_history", path="a", line=1)
