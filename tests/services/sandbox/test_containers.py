"""The lines for other engines; no engine runs here, so this holds them to their documentation."""

import re
from typing import Any

import pytest

from pipeline.services.sandbox.containers import Engine, container_line, kubernetes_manifests
from pipeline.services.sandbox.limits import Limits

LIMITS = Limits(seconds=60, memory_mb=512, pids=64, tmp_mb=32, work_mb=128, output_kb=64)
COMMAND = ("pytest", "-q", "$(id)", "a b")


def value_of(line: tuple[str, ...], option: str) -> str:
    """Read the value of an option that stands once."""
    assert line.count(option) == 1, option
    return line[line.index(option) + 1]


@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_a_container_has_no_network_no_rights_and_limits(engine: Engine) -> None:
    line = container_line(engine, "tests:1", COMMAND, LIMITS, name="onceover-1")

    assert line[:2] == (engine, "run")
    assert value_of(line, "--network") == "none"
    assert value_of(line, "--cap-drop") == "ALL"
    assert value_of(line, "--security-opt") == "no-new-privileges"
    assert value_of(line, "--user") == "65534:65534"
    assert value_of(line, "--memory") == value_of(line, "--memory-swap") == "688m"
    assert value_of(line, "--pids-limit") == "64"
    assert value_of(line, "--pull") == "never"
    assert "--read-only" in line
    assert [word.partition(":")[0] for word in line if "size=" in word] == ["/build", "/tmp"]  # noqa: S108  Of the container.


def test_a_container_gets_nothing_of_the_host() -> None:
    line = container_line("docker", "tests:1", COMMAND, LIMITS, name="onceover-1")

    forbidden = {
        "--volume",
        "-v",
        "--mount",
        "--privileged",
        "--device",
        "--env-file",
        "--pid",
        "--userns",
        "--cap-add",
    }
    assert not forbidden & set(line)
    assert not any("docker.sock" in word for word in line)


def test_the_command_stays_words_behind_a_script_that_unpacks_and_becomes_it() -> None:
    line = container_line("docker", "tests:1", COMMAND, LIMITS, name="onceover-1", runtime="runsc")

    assert line[-len(COMMAND) :] == COMMAND
    assert line[line.index("tests:1") + 1 :][0] == "-c"
    assert 'exec "$@"' in line[line.index("tests:1") + 2]
    assert value_of(line, "--runtime") == "runsc"


def test_a_job_runs_once_without_token_rights_and_network() -> None:
    job, policy = kubernetes_manifests("tests:1", COMMAND, LIMITS, name="onceover-1", runtime_class="gvisor")

    spec: Any = job["spec"]  # JSON, read by keys.
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (0, 60)
    assert pod["automountServiceAccountToken"] is False
    assert pod["restartPolicy"] == "Never"
    assert pod["runtimeClassName"] == "gvisor"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"] == "688Mi"
    assert all(re.fullmatch(r"\d+Mi", one["emptyDir"]["sizeLimit"]) for one in pod["volumes"])
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    denied: Any = policy["spec"]  # Same.
    assert denied["podSelector"]["matchLabels"] == spec["template"]["metadata"]["labels"]
    assert (denied["policyTypes"], "ingress" in denied, "egress" in denied) == (["Ingress", "Egress"], False, False)
