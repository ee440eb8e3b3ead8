"""ReviewBench: the contract of the container that it runs reviewers in.

The source of the names and rules is `AGENT_CONTRACT.md` of github.com/review-bench/ReviewBench: what is reviewed stands
in variables `RB_*`, findings go to one JSON file, and a findings file is written only if the change was reviewed.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from bot.evaluation.cases import Change
from pipeline.engine.errors import AskPerson
from pipeline.review.depth import Depth
from pipeline.review.findings import Finding

Json: TypeAlias = Any  # A free JSON value.

NEEDED: Final = ("RB_NWO", "RB_PR_NUMBER", "RB_BASE", "RB_HEAD", "RB_OUT")

SETTINGS: Final = {"RB_CONFIG_MODEL": "ONCEOVER_LLM_MODEL", "RB_MODEL_BASE_URL": "OPENAI_BASE_URL"}
"""What the benchmark lets one choose without another image, and our name for it."""


class NotInvoked(AskPerson):
    """The benchmark's variables are not there: nobody runs us as its contract says."""

    code = "review_bench_contract"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One pull request as the contract hands it over."""

    change: Change
    name: str
    """Owner and name of the repository."""
    number: int
    base: str
    head: str
    agent: str
    out: Path


def read_invocation(environ: Mapping[str, str], *, repository: Path | None = None) -> Invocation:
    """Read what is to be reviewed.

    Raises:
        NotInvoked: A variable is missing, or the number is none.
    """
    missing = [name for name in NEEDED if not environ.get(name)]
    number = environ.get("RB_PR_NUMBER", "")
    if missing or not number.isdecimal():
        lack = f"{', '.join(missing)} not set" if missing else f"RB_PR_NUMBER is {number!r}, which is no number"
        raise NotInvoked(
            f"ReviewBench's variables are not as its contract says: {lack}.",
            next_step="Run it in ReviewBench's container, or use `onceover review` on a repository of your own.",
        )
    base, head = environ["RB_BASE"], environ["RB_HEAD"]
    out = Path(environ["RB_OUT"])
    check_out = out.parent.parent / "repo"  # The contract mounts it beside the directory of the output.
    return Invocation(
        change=Change(repository=repository or check_out, base=base, head=head),
        name=environ["RB_NWO"],
        number=int(number),
        base=base,
        head=head,
        agent=environ.get("RB_AGENT") or "onceover",
        out=out,
    )


def settings_of(environ: Mapping[str, str]) -> dict[str, str]:
    """Take over what the benchmark chooses; what it does not name stays."""
    return dict(environ) | {ours: environ[its] for its, ours in SETTINGS.items() if environ.get(its)}


def depth_of(environ: Mapping[str, str]) -> Depth:
    """Read how deep to read.

    Raises:
        NotInvoked: There is no such depth.
    """
    asked = environ.get("RB_CONFIG_DEPTH") or Depth.STANDARD.value
    if asked not in set(Depth):
        known = ", ".join(one.value for one in Depth)
        raise NotInvoked(f"RB_CONFIG_DEPTH is {asked!r}, which is no depth.", next_step=f"Depths are: {known}.")
    return Depth(asked)


def findings_file(invocation: Invocation, findings: Iterable[Finding]) -> str:
    """Write the file that is judged."""
    return json.dumps(
        {
            "pr": {
                "repo": f"https://github.com/{invocation.name}",
                "pr_number": invocation.number,
                "base": invocation.base,
                "head": invocation.head,
            },
            "agent": invocation.agent,
            "findings": [_finding(one, invocation.agent) for one in findings],
        },
        indent=2,
    )


def _finding(one: Finding, producer: str) -> Json:
    return {
        "file": one.path,
        "start_line": one.line,
        "end_line": one.line_end,
        "message": f"{one.title.rstrip('.')}. {one.claim}",
        "producer": producer,
    }
