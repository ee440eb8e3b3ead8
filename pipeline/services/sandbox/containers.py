"""Containers: how another engine would be called for the same sandbox; values alone, nothing here starts anything.

For an operator whose workers may not make user namespaces, or who wants a kernel of its own around strangers' code
(`runtime`: runsc, kata). Promises the same limits and the same way in (a tar stream on stdin) as `bubblewrap_line.py`,
in the engine's words; docs/sandbox.md says how to put a runner around it.
Not verified: no engine ran these lines when they were written; the tests hold them to what the engines document.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from pipeline.services.sandbox.bubblewrap_line import BECOME, WORK
from pipeline.services.sandbox.limits import CORES, MEBIBYTE, OPEN_FILES_MAX, SHARED_MEMORY_MB, Limits

USER: Final = 65_534
"""Nobody; an image need not know it."""

SCRIPT: Final = f"tar -xf - -C {WORK} || exit 125; cat >/dev/null; exec </dev/null; {BECOME}"
"""What the shell in the container does: unpack what comes on stdin, then become the command."""

LABEL: Final = "onceover.dev/sandbox"
"""By which a network policy, and whoever cleans up, finds what is ours."""

ENVIRONMENT: Final[Mapping[str, str]] = {
    "HOME": "/tmp",  # noqa: S108  The sandbox's own.
    "TMPDIR": "/tmp",  # noqa: S108  Same.
    "LANG": "C.UTF-8",
    "CI": "true",
}

Engine = Literal["docker", "podman"]


def container_line(
    engine: Engine, image: str, argv: Sequence[str], limits: Limits, *, name: str, runtime: str | None = None
) -> tuple[str, ...]:
    """Write the line for Docker or Podman; whoever runs it sends the checkout to its stdin.

    Time is the caller's to watch: `ENGINE kill NAME` ends everything in the container, and 137 is its exit code, as it
    is when the memory is used up (`ENGINE inspect -f {{.State.OOMKilled}} NAME` before it is removed tells them apart).

    Args:
        engine: The program.
        image: Has a shell, tar, and what the tests need.
        argv: The command.
        limits: Of the run.
        name: Of the container, by which it can be killed.
        runtime: Another runtime of containers, as `runsc`.
    """
    memory = f"{limits.total_mb}m"
    return (
        *(engine, "run", "--rm", "--interactive", "--pull", "never", "--name", name, "--label", f"{LABEL}={name}"),
        *(("--runtime", runtime) if runtime else ()),
        *("--network", "none", "--ipc", "private", "--hostname", "sandbox", "--read-only", "--log-driver", "none"),
        *("--user", f"{USER}:{USER}", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--memory", memory, "--memory-swap", memory, "--cpus", str(CORES), "--pids-limit", str(limits.pids)),
        *("--ulimit", f"nofile={OPEN_FILES_MAX}:{OPEN_FILES_MAX}", "--ulimit", "core=0:0"),
        *("--shm-size", f"{SHARED_MEMORY_MB}m", "--tmpfs", _tmpfs(WORK, limits.work_mb)),
        *("--tmpfs", _tmpfs("/tmp", limits.tmp_mb), "--workdir", WORK),  # noqa: S108  The sandbox's own.
        *(word for item in ENVIRONMENT.items() for word in ("--env", "=".join(item))),
        *("--entrypoint", "/bin/sh", image, "-c", SCRIPT, "sh", *argv),
    )


def kubernetes_manifests(
    image: str, argv: Sequence[str], limits: Limits, *, name: str, runtime_class: str | None = None
) -> tuple[dict[str, object], dict[str, object]]:
    """Write a Job and the network policy that goes before it; whoever applies them attaches to the pod's stdin.

    Processes are limited by the node (`podPidsLimit` of the kubelet), which no manifest can change.

    Args:
        image: Has a shell, tar, and what the tests need.
        argv: The command.
        limits: Of the run.
        name: Of both.
        runtime_class: A class of the cluster, as `gvisor`.
    """
    labels = {LABEL: name}
    job: dict[str, object] = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": int(limits.seconds),
            "ttlSecondsAfterFinished": 60,
            "template": {"metadata": {"labels": labels}, "spec": _pod(image, argv, limits, runtime_class)},
        },
    }
    policy: dict[str, object] = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "labels": labels},
        "spec": {"podSelector": {"matchLabels": labels}, "policyTypes": ["Ingress", "Egress"]},
    }
    return job, policy


def _pod(image: str, argv: Sequence[str], limits: Limits, runtime_class: str | None) -> dict[str, object]:
    places = {"work": (WORK, limits.work_mb), "tmp": ("/tmp", limits.tmp_mb), "shm": ("/dev/shm", SHARED_MEMORY_MB)}  # noqa: S108  The sandbox's own.
    resources = {"memory": f"{limits.total_mb}Mi", "cpu": str(CORES), "ephemeral-storage": "16Mi"}
    container = {
        "name": "command",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", SCRIPT, "sh", *argv],
        "workingDir": WORK,
        "stdin": True,
        "stdinOnce": True,
        "env": [{"name": key, "value": value} for key, value in ENVIRONMENT.items()],
        "resources": {"limits": resources, "requests": resources},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": volume, "mountPath": path} for volume, (path, _) in places.items()],
    }
    return {
        **({"runtimeClassName": runtime_class} if runtime_class else {}),
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "hostname": "sandbox",
        "terminationGracePeriodSeconds": 0,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumes": [
            {"name": volume, "emptyDir": {"medium": "Memory", "sizeLimit": f"{size}Mi"}}
            for volume, (_, size) in places.items()
        ],
        "containers": [container],
    }


def _tmpfs(place: str, size_mb: int) -> str:
    return f"{place}:rw,exec,nosuid,nodev,mode=1777,size={size_mb * MEBIBYTE}"
