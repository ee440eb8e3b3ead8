"""Documentation index: 5,000 Markdown files built, updated by ten changed files and asked, beside git on the same tree.

`git cat-file, all blobs` reads every document and does nothing with it: what any index must at least do once.
`git grep` answers the same question without an index. Both get the words and paths ready made.
"""

import asyncio
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.figures import Table, alternate
from pipeline.services.docs_library import Library
from pipeline.services.git import Git, open_git
from pipeline.stages.docs.parameters import Head
from pipeline.stages.docs.retrieval import open_library

FILES: Final = 5_000
CHANGED: Final = 10
SECTIONS: Final = 5
WORDS: Final = 90
"""In each section: the files have some 3,400 bytes each, 17 MB in all."""

QUESTION: Final = ("apply_discount_17", "cart_total", "warehouse", "settlement", "--retry-max", "invoice")
HITS_MAX: Final = 300
SECONDS_MAX: Final = 120.0


async def run(rounds: int) -> list[Table]:
    """Measure all of it."""
    place = Path(tempfile.mkdtemp(prefix="docs-index-"))
    try:
        return await _measure(place, rounds)
    finally:
        shutil.rmtree(place)


async def _measure(place: Path, rounds: int) -> list[Table]:
    base, head = _make_repository(place / "shop.git")
    git = await open_git(place / "shop.git")
    before, after = [await _library(git, commit, place / "state") for commit in (base, head)]
    built = Table(title=f"Documentation index, {FILES:,} Markdown files", unit="ms", baseline=CAT, digits=0)
    sides = {
        CAT: partial(_cat, git, base),
        "built": partial(_build, before),
        f"updated by {CHANGED} files": partial(_update, before, after),
        "found unchanged": partial(_again, before),
    }
    await alternate(built, sides, rounds)
    asked = Table(title="One question, six words", unit="ms", baseline=GREP, digits=1)
    await _again(before)
    await alternate(asked, {GREP: partial(_grep, git, base), "index": partial(_ask, before)}, rounds)
    built.notes += [_memory(place), f"the file has {_size(before) / 1_000_000:.0f} MB, the documents 17 MB"]
    return [built, asked]


CAT: Final = "git cat-file, all blobs"
GREP: Final = "git grep"


async def _library(git: Git, commit: str, state: Path) -> Library:
    head = Head(objects=git, commit=commit, tree=await git.list_tree(commit))
    return open_library(head, None, state)[0]


async def _cat(git: Git, commit: str) -> float:
    tree = await git.list_tree(commit)
    begun = time.perf_counter()
    await git.cat_files(commit, [entry.path for entry in tree.entries], bytes_max=1_000_000)
    return _since(begun)


async def _build(library: Library) -> float:
    """Build from nothing."""
    assert library.file
    shutil.rmtree(library.file.parent, ignore_errors=True)
    return await _again(library)


async def _update(before: Library, after: Library) -> float:
    """Bring an index of the one commit up to the next."""
    await _build(before)
    return await _again(after)


async def _again(library: Library) -> float:
    begun = time.perf_counter()
    await library.ask(lambda _: None)
    return _since(begun)


async def _ask(library: Library) -> float:
    begun = time.perf_counter()
    hits = await library.search(QUESTION, HITS_MAX)
    assert hits
    return _since(begun)


async def _grep(git: Git, commit: str) -> float:
    words = [one for word in QUESTION for one in ("-e", word)]
    begun = time.perf_counter()
    await git.command.run("grep", "-n", "-I", "-i", "-F", *words, commit, bytes_max=64_000_000)
    return _since(begun)


def _since(begun: float) -> float:
    return (time.perf_counter() - begun) * 1_000


def _size(library: Library) -> int:
    assert library.file
    return sum(one.stat().st_size for one in library.file.parent.iterdir())


def _memory(place: Path) -> str:
    """Build in a process of its own and tell its peak, beside one that only opens the repository."""
    peaks = {}
    for what in ("open", "build"):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.docs_index", what, str(place)],
            check=True,
            capture_output=True,
            timeout=SECONDS_MAX,
        )
        peaks[what] = json.loads(done.stdout)
    return f"peak memory of a process that builds: {peaks['build']:.0f} MB; that only lists: {peaks['open']:.0f} MB"


def _make_repository(path: Path) -> tuple[str, str]:
    """Write two commits with `git fast-import`; ten files differ."""
    path.mkdir(parents=True)
    _git(path, "init", "--quiet", "--bare")
    dice = random.Random(4)  # noqa: S311 - words of a text
    vocabulary = [f"{stem}{end}" for stem in _STEMS for end in ("", "s", "ed", "ing", "er", "ment", "able", "_id")]
    texts = [_text(dice, vocabulary, number) for number in range(FILES)]
    stream = bytearray(_commit("one", texts, range(FILES)))
    changed = [f"{text}\nMore of it, settled later.\n" for text in texts[:CHANGED]]
    stream += _commit("two", changed, range(CHANGED))
    _git(path, "fast-import", "--quiet", stdin=bytes(stream))
    head = _git(path, "rev-parse", "refs/heads/main").decode().strip()
    return _git(path, "rev-parse", "refs/heads/main~1").decode().strip(), head


_STEMS: Final = [
    "cart",
    "order",
    "price",
    "discount",
    "invoice",
    "warehouse",
    "parcel",
    "refund",
    "customer",
    "voucher",
    "stock",
    "shelf",
    "tax",
    "total",
    "payment",
    "settle",
    "ledger",
    "report",
    "export",
    "import",
    "queue",
    "worker",
    "retry",
    "limit",
    "window",
    "cache",
    "token",
    "session",
    "report",
    "audit",
]


def _text(dice: random.Random, vocabulary: list[str], number: int) -> str:
    lines = [f"# Page {number}"]
    for section in range(SECTIONS):
        words = dice.choices(vocabulary, k=WORDS)
        lines += ["", f"## Part {section} of {words[0]}", "", f"Call `apply_discount_{number % 100}(cart)`."]
        lines += [" ".join(words[start : start + 12]) for start in range(0, WORDS, 12)]
    return "\n".join(lines) + "\n"


def _commit(message: str, texts: list[str], numbers: range) -> bytes:
    parts = [f"commit refs/heads/main\ncommitter A <a@example.com> 1 +0000\ndata {len(message)}\n{message}\n".encode()]
    for number, text in zip(numbers, texts, strict=True):
        body = text.encode()
        parts.append(
            f"M 100644 inline docs/{number // 100}/page{number}.md\ndata {len(body)}\n".encode() + body + b"\n"
        )
    return b"".join(parts)


def _git(path: Path, *words: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(
        ["git", "-C", str(path), *words],
        input=stdin,
        check=True,
        capture_output=True,
        timeout=SECONDS_MAX,
    )
    return done.stdout


async def _child(what: str, place: Path) -> None:
    git = await open_git(place / "shop.git")
    library = await _library(git, await git.resolve("refs/heads/main"), place / "state-of-child")
    if what == "build":
        await library.ask(lambda _: None)
    sys.stdout.write(json.dumps(_peak_mb()))


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")  # `ru_maxrss` would count the parent's pages too.
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    asyncio.run(_child(sys.argv[1], Path(sys.argv[2])))
