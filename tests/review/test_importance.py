"""What matters most is read first, and what has no room is named."""

from pipeline.review.diff import FileDiff, FileStatus
from pipeline.review.importance import by_importance, choose_for_model


def changed(path: str, patch_bytes: int = 30) -> FileDiff:
    return FileDiff(
        path=path,
        old_path=None,
        status=FileStatus.MODIFIED,
        old_mode="100644",
        new_mode="100644",
        old_sha="1" * 40,
        new_sha="2" * 40,
        old_bytes=1,
        new_bytes=1,
        added=1,
        removed=0,
        patch=(b"x" * patch_bytes,),
    )


def test_code_comes_before_tests_before_other_files_before_text() -> None:
    paths = ["README.md", "data.json", "tests/test_shop.py", "shop.py", ".github/workflows/ci.yml", "Dockerfile"]

    ordered = [file.path for file in by_importance(map(changed, paths))]

    assert ordered == [
        ".github/workflows/ci.yml",
        "Dockerfile",
        "shop.py",
        "tests/test_shop.py",
        "data.json",
        "README.md",
    ]


def test_what_has_no_room_is_left_out_and_smaller_files_go_on() -> None:
    files = [changed("b.py"), changed("a.py", 300), changed("c.py"), changed("README.md")]

    room = choose_for_model(files, tokens_max=25)

    assert [file.path for file in room.chosen] == ["b.py", "c.py"]
    assert [file.path for file in room.left_out] == ["a.py", "README.md"]
