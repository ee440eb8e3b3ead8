"""Hostile commands, by the numbers of docs/sandbox.md: each one is contained, and nothing of it is left."""

import asyncio
import os
import secrets
import socket
import threading
from pathlib import Path

import pytest

from pipeline.services.sandbox.contract import Limit, Ran
from tests.services.sandbox.chamber import Chamber, left_over, said, stopped

FORK = """
import os, time
count = 0
try:
    while count < 300:
        if os.fork() == 0:
            time.sleep(600)
        count += 1
except OSError as error:
    print(count, error.errno)
"""

THREADS = """
import threading, time
count = 0
try:
    while count < 300:
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        count += 1
except RuntimeError:
    print(count, 11, flush=True)
import os
os._exit(0)
"""

HOG = """
import os, sys
for _ in range(int(sys.argv[1]) - 1):
    if os.fork() == 0:
        break
held = []
while True:
    held.append(b"x" * (2 << 20))
"""

DAEMON = """
import os, signal, sys
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv("/bin/sh", ["sh", "-c", "sleep 600; exit", sys.argv[1]])
    os._exit(0)
os.wait()
print("left")
"""
"""Leaves its session, ignores signals and holds our output open."""

FILL = """
import os, sys
place, written = sys.argv[1], 0
try:
    with open(place + "/filler", "wb", buffering=0) as file:
        while written < 200 << 20:
            written += file.write(bytes(1 << 20))
except OSError as error:
    print(written >> 20, os.strerror(error.errno))
"""


@pytest.mark.parametrize("bomb", [FORK, THREADS], ids=["processes", "threads"])
async def test_case_58_a_bomb_is_capped_at_the_limit(chamber: Chamber, bomb: str) -> None:
    outcome = await chamber.python(bomb)

    count, error = map(int, said(outcome).split())
    assert error == 11
    assert 20 <= count < 24


async def test_case_58_a_bomb_that_never_gives_up_ends_with_the_time_and_starves_no_neighbour(chamber: Chamber) -> None:
    bomb = chamber.run("sh", "-c", "b() { b | b & }; b; while :; do b; done", seconds=1.0)
    neighbour = chamber.run("sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do sleep 0.2 & done; wait; echo worked")

    bombed, worked = await asyncio.gather(bomb, neighbour)

    assert not isinstance(bombed, Ran) or bombed.exit_code != 0, "A shell may give up by itself, but not well."
    assert said(worked) == "worked\n"


@pytest.mark.parametrize("processes", [1, 8])
async def test_case_59_whoever_takes_too_much_memory_is_stopped(chamber: Chamber, processes: int) -> None:
    outcome = stopped(await chamber.python(HOG, str(processes)))

    assert outcome.limit is Limit.MEMORY


async def test_case_59_memory_that_no_process_shows_is_counted_or_refused(chamber: Chamber) -> None:
    """Files in memory and System V segments: a cgroup counts them; without one they cannot be had."""
    program = """
import os
held = []
for _ in range(64):
    fd = os.memfd_create("hidden")
    for _ in range(7):
        os.write(fd, bytes(1 << 20))
    held.append(fd)
print("has", len(held))
"""

    outcome = await chamber.python(program)

    if isinstance(outcome, Ran):
        assert b"has 64" not in outcome.stdout
        assert b"Function not implemented" in outcome.stderr
    else:
        assert stopped(outcome).limit is Limit.MEMORY


@pytest.mark.parametrize(("place", "room"), [("/build", 8), ("/tmp", 8), ("/dev/shm", 16)])  # noqa: S108
async def test_case_60_a_disk_is_full_at_its_size(chamber: Chamber, place: str, room: int) -> None:
    outcome = await chamber.python(FILL, place)

    written = int(said(outcome).split()[0])
    assert room - 2 <= written <= room


async def test_case_60_files_without_content_are_counted_too(chamber: Chamber) -> None:
    program = "i = 0\nwhile True: open(f'/tmp/{i}', 'w').close(); i += 1"

    outcome = stopped(await chamber.python(program))

    assert outcome.limit is Limit.FILES


@pytest.mark.parametrize("stream", [1, 2])
async def test_case_61_a_flood_of_output_is_stopped_and_cut(chamber: Chamber, stream: int) -> None:
    outcome = stopped(await chamber.python(f"import os\nwhile True: os.write({stream}, b'x' * 65536)"))

    assert outcome.limit is Limit.OUTPUT
    assert len(outcome.stdout + outcome.stderr) == 64 * 1024


async def test_case_61_output_within_its_limit_comes_whole(chamber: Chamber) -> None:
    assert len(said(await chamber.python("print('x' * 65535)"))) == 65_536


@pytest.mark.parametrize(
    "command",
    ["trap '' TERM HUP INT; while :; do sleep 1; done", "while :; do :; done", "kill -STOP $$"],
    ids=["ignores signals", "is busy", "stands still"],
)
async def test_case_62_whoever_does_not_end_is_ended(chamber: Chamber, command: str) -> None:
    token = f"token-{secrets.token_hex(8)}"

    outcome = stopped(await chamber.run("sh", "-c", command, token, seconds=0.3))

    assert outcome.limit is Limit.TIME
    assert left_over(token) == []


async def test_case_62_processor_time_is_counted_over_all_processes(chamber: Chamber) -> None:
    command = "for i in 1 2 3 4; do while :; do :; done & done; wait"

    outcome = stopped(await chamber.run("sh", "-c", command, cpu_seconds=0.3))

    assert outcome.limit is Limit.CPU


async def test_case_62_a_daemon_neither_stays_nor_holds_us_up(chamber: Chamber) -> None:
    token = f"token-{secrets.token_hex(8)}"

    outcome = await chamber.python(DAEMON, token)

    assert said(outcome) == "left\n"
    assert left_over(token) == []


async def test_case_64_no_environment_and_no_file_of_ours_is_in_reach(
    chamber: Chamber, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment is this process's own, which is what a worker's would be."""
    token = secrets.token_hex(8)
    monkeypatch.setenv("A_KEY_OF_OURS", "canary-" + token)
    program = """
import glob, os
seen = b"".join(open(path, "rb").read() for path in glob.glob("/proc/*/environ") + glob.glob("/proc/*/cmdline")
                if os.access(path, os.R_OK))
print(b"canary" + b"-" in seen, sorted(os.environ), [os.readlink(f"/proc/self/fd/{fd}") for fd in (0,)],
      [fd for fd in range(3, 100) if os.path.lexists(f"/proc/self/fd/{fd}") and not
       os.readlink(f"/proc/self/fd/{fd}").startswith("/proc")])
"""

    outcome = await chamber.python(program)

    names = ["CI", "HOME", "LANG", "PATH", "PWD", "TMPDIR"]
    assert said(outcome).replace(", 'LC_CTYPE'", "") == f"False {names} ['/dev/null'] []\n"


async def test_case_65_files_of_the_host_are_not_there(chamber: Chamber, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("a key")
    paths = [str(tmp_path / "key.pem"), str(chamber.checkout), "/root", "/home", "/etc/shadow", "/etc/hostname", "/var"]

    outcome = await chamber.python("import os, sys; print([p for p in sys.argv[1:] if os.path.lexists(p)])", *paths)

    assert said(outcome) == "[]\n"


async def test_case_66_nothing_outside_of_the_copy_can_be_written(chamber: Chamber, tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("untouched")
    (chamber.checkout / "link").symlink_to(tmp_path / "outside.txt")
    (chamber.checkout / "up").symlink_to("../../../../../../..")
    program = """
import os
places = ["/x", "/usr/x", "/etc/x", "/etc/passwd", "/dev/x", "/proc/sys/kernel/hostname", "up/usr/x", "../x", "link"]
for place in places:
    try:
        open(place, "w").write("here")
        print("wrote", place)
    except OSError:
        pass
for place in ("/usr/bin/env", "/etc/passwd"):
    try:
        os.link(place, "/build/hard")
        print("linked", place)
    except OSError:
        pass
"""

    outcome = await chamber.python(program)

    assert said(outcome) == ""
    assert (tmp_path / "outside.txt").read_text() == "untouched"


async def test_case_66_a_collector_of_files_is_led_nowhere_by_links_and_pipes(chamber: Chamber) -> None:
    command = "ln -s /etc/passwd link.xml; mkfifo pipe.xml; ln -s / folder; echo ok > real.xml"

    outcome = await chamber.run("sh", "-c", command, wanted=["link.xml", "pipe.xml", "folder", "real.xml", "../etc"])

    assert isinstance(outcome, Ran)
    assert outcome.files == {"real.xml": b"ok\n"}


async def test_case_67_what_is_planted_for_the_hosts_git_stays_inside(chamber: Chamber) -> None:
    (chamber.checkout / ".git").mkdir()
    (chamber.checkout / ".git" / "config").write_text("[core]\n")

    await chamber.run("sh", "-c", "echo '[core] fsmonitor = touch /tmp/owned' >> .git/config; mkdir -p .git/hooks")

    assert (chamber.checkout / ".git" / "config").read_text() == "[core]\n"
    assert not (chamber.checkout / ".git" / "hooks").exists()


async def test_case_68_nobody_outside_can_be_reached(chamber: Chamber) -> None:
    name = f"\0onceover-test-{secrets.token_hex(8)}"
    program = """
import socket, sys
for family, address in ((socket.AF_INET, ("127.0.0.1", int(sys.argv[1]))), (socket.AF_INET6, ("::1", int(sys.argv[1]))),
                        (socket.AF_UNIX, b"\\0" + sys.argv[2].encode()), (socket.AF_INET, ("169.254.169.254", 80))):
    try:
        socket.socket(family).connect(address)
        print("reached", address)
    except OSError:
        pass
for family, kind in ((40, 1), (17, 3), (38, 5), (16, 3)):
    try:
        socket.socket(family, kind)
        print("socket", family)
    except OSError:
        pass
"""
    with socket.create_server(("127.0.0.1", 0)) as loopback, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(name)
        abstract.listen()

        outcome = await chamber.python(program, str(loopback.getsockname()[1]), name[1:])

    assert said(outcome) == "socket 16\n", "Netlink is there, and sees the sandbox's own loopback alone."


async def test_case_70_processes_outside_are_neither_seen_nor_signalled(chamber: Chamber) -> None:
    bystander = await asyncio.create_subprocess_exec("sleep", "600")
    command = f"kill -9 {bystander.pid} {os.getpid()} 2>/dev/null; ls -d /proc/[0-9]* | wc -l; kill -9 -1"

    outcome = await chamber.run("sh", "-c", command)

    assert isinstance(outcome, Ran)
    assert int(outcome.stdout) <= 6
    assert bystander.returncode is None
    bystander.kill()
    await bystander.wait()


async def test_case_70_who_kills_everything_inside_kills_only_that(chamber: Chamber) -> None:
    outcome = await chamber.run("sh", "-c", "kill -9 1 $PPID; kill -9 -1; sleep 600", wanted=["a"])

    assert isinstance(outcome, Ran)
    assert outcome.exit_code == 137


async def test_case_71_links_to_where_bubblewrap_has_the_old_root_make_nothing_on_the_host(
    chamber: Chamber, tmp_path: Path
) -> None:
    for name in ("tmp", "dev", "proc", "usr", "etc", "build", "src"):
        (chamber.checkout / name).symlink_to(f"/oldroot{tmp_path}/made-{name}")

    assert said(await chamber.run("sh", "-c", "echo fine")) == "fine\n"

    assert os.listdir(tmp_path) == ["checkout"]  # noqa: PTH208  A handful of names.


async def test_a_checkout_that_changes_while_it_is_copied_harms_nobody(chamber: Chamber) -> None:
    """A file that shrinks cannot be copied as it was said to be; the run is not started, and says so."""
    file = chamber.checkout / "shrinks"
    file.write_bytes(bytes(1 << 20))
    stop = threading.Event()
    changing = threading.Thread(target=_change, args=(file, stop))
    changing.start()
    try:
        outcomes = [await chamber.run("true") for _ in range(3)]
    finally:
        stop.set()
        changing.join()

    assert all(not isinstance(outcome, Ran) or outcome.exit_code == 0 for outcome in outcomes)


def _change(file: Path, stop: threading.Event) -> None:
    while not stop.is_set():
        file.write_bytes(b"")
        file.write_bytes(bytes(1 << 20))
