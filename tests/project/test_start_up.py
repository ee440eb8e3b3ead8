"""Importing does nothing: no client, no file, no process, no look at the environment."""

import subprocess
import sys

from tests.project import ROOT

PACKAGES = ("bot", "webhooks", "pipeline")

IMPORT_ALL = """
import importlib, os, sys

PACKAGES = tuple(sys.argv[1].split(","))
DEEDS = {"socket.connect", "socket.bind", "subprocess.Popen", "os.system", "os.posix_spawn", "os.fork", "os.mkdir",
         "os.remove", "os.rename", "os.putenv", "os.unsetenv", "signal.signal", "sqlite3.connect"}

def tell(event, arguments):
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if event in DEEDS or writes:
        print(module, event, arguments)

class Environment(dict):
    def get(self, name, default=None):
        caller = sys._getframe(1)
        while caller.f_globals["__name__"] == "os":
            caller = caller.f_back
        if caller.f_globals["__name__"].startswith(PACKAGES):
            print(module, "reads", name)
        return super().get(name, default)

    __getitem__ = __contains__ = get

module = "start"
os.environ = Environment()
sys.addaudithook(tell)
for module in sys.argv[2:]:
    importlib.import_module(module)
"""


def modules() -> list[str]:
    """Every module of the house but those that are started as programs."""
    paths = [path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return sorted(
        ".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in paths if path.stem != "__main__"
    )


def test_importing_the_house_does_nothing_and_asks_nothing() -> None:
    imported = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-c", IMPORT_ALL, ",".join(PACKAGES), *modules()],
        cwd=ROOT,
        env={},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert imported.stdout + imported.stderr == ""
