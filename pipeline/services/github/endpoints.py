"""Endpoints: every (method, path) of GitHub's REST API that Onceover uses, and nothing else is ever called.

The templates are those of GitHub's OpenAPI description, so that a test can compare them.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from pipeline.engine.errors import GiveUp
from pipeline.services.github.place import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One operation."""

    method: str
    template: str
    is_harmless: bool = False
    """A write that may be repeated without a trace, so that a lost answer is not ambiguous."""
    contents: int = 0
    """Pieces of content it makes, which GitHub counts apart (80 a minute, 500 an hour)."""

    @property
    def is_write(self) -> bool:
        """Whether a lost answer leaves open what happened."""
        return self.method != "GET" and not self.is_harmless

    def path(self, **values: str | int) -> str:
        """Fill in the template, each value quoted.

        Raises:
            GiveUp: A value would climb in the path.
        """
        quoted = {name: _quoted(name, str(value)) for name, value in values.items()}
        return self.template.format(**quoted)

    def at(self, place: Place, **values: str | int) -> str:
        """Fill in the template with a repository and the rest; see `path`."""
        return self.path(owner=place.owner, repo=place.name, **values)


def _quoted(name: str, value: str) -> str:
    segments = value.split("/") if name == "path" else [value]
    if any(segment in {"", ".", ".."} for segment in segments):
        raise GiveUp(f"{value[:200]!r} cannot be part of an address ({name}).")
    return "/".join(quote(segment, safe="") for segment in segments)


_REPO: Final = "/repos/{owner}/{repo}"
_PULL: Final = _REPO + "/pulls/{pull_number}"
_REVIEW: Final = _PULL + "/reviews/{review_id}"

APP: Final = Endpoint(method="GET", template="/app")
APP_HOOK: Final = Endpoint(method="GET", template="/app/hook/config")
DELIVERIES: Final = Endpoint(method="GET", template="/app/hook/deliveries")
REDELIVER: Final = Endpoint(method="POST", template="/app/hook/deliveries/{delivery_id}/attempts")
INSTALLATIONS: Final = Endpoint(method="GET", template="/app/installations")
MINT: Final = Endpoint(method="POST", template="/app/installations/{installation_id}/access_tokens", is_harmless=True)
INSTALLATION_REPOSITORIES: Final = Endpoint(method="GET", template="/installation/repositories")
INSTALLATION_OF: Final = Endpoint(method="GET", template=_REPO + "/installation")
USER: Final = Endpoint(method="GET", template="/users/{username}")

REPOSITORY: Final = Endpoint(method="GET", template=_REPO)
CONTENT: Final = Endpoint(method="GET", template=_REPO + "/contents/{path}")
COMMIT: Final = Endpoint(method="GET", template=_REPO + "/commits/{ref}")
COMPARE: Final = Endpoint(method="GET", template=_REPO + "/compare/{basehead}")
PERMISSION: Final = Endpoint(method="GET", template=_REPO + "/collaborators/{username}/permission")
BRANCH: Final = Endpoint(method="GET", template=_REPO + "/branches/{branch}")
RULES_OF_BRANCH: Final = Endpoint(method="GET", template=_REPO + "/rules/branches/{branch}")
PULL_REQUESTS: Final = Endpoint(method="GET", template=_REPO + "/pulls")
PULL_REQUEST: Final = Endpoint(method="GET", template=_PULL)
PULL_FILES: Final = Endpoint(method="GET", template=_PULL + "/files")

ISSUE_COMMENTS: Final = Endpoint(method="GET", template=_REPO + "/issues/{issue_number}/comments")
CREATE_ISSUE_COMMENT: Final = Endpoint(method="POST", template=_REPO + "/issues/{issue_number}/comments", contents=1)
ISSUE_COMMENT: Final = Endpoint(method="GET", template=_REPO + "/issues/comments/{comment_id}")
UPDATE_ISSUE_COMMENT: Final = Endpoint(method="PATCH", template=_REPO + "/issues/comments/{comment_id}", contents=1)
DELETE_ISSUE_COMMENT: Final = Endpoint(method="DELETE", template=_REPO + "/issues/comments/{comment_id}")
REACT_TO_ISSUE_COMMENT: Final = Endpoint(
    method="POST", template=_REPO + "/issues/comments/{comment_id}/reactions", is_harmless=True
)
REVIEW_COMMENT: Final = Endpoint(method="GET", template=_REPO + "/pulls/comments/{comment_id}")
REACT_TO_REVIEW_COMMENT: Final = Endpoint(
    method="POST", template=_REPO + "/pulls/comments/{comment_id}/reactions", is_harmless=True
)
REVIEW_COMMENTS: Final = Endpoint(method="GET", template=_PULL + "/comments")
CREATE_REVIEW_COMMENT: Final = Endpoint(method="POST", template=_PULL + "/comments", contents=1)
DELETE_REVIEW_COMMENT: Final = Endpoint(method="DELETE", template=_REPO + "/pulls/comments/{comment_id}")

REVIEWS: Final = Endpoint(method="GET", template=_PULL + "/reviews")
CREATE_REVIEW: Final = Endpoint(method="POST", template=_PULL + "/reviews", contents=1)
REVIEW: Final = Endpoint(method="GET", template=_REVIEW)
UPDATE_REVIEW: Final = Endpoint(method="PUT", template=_REVIEW, contents=1)
DELETE_REVIEW: Final = Endpoint(method="DELETE", template=_REVIEW)
SUBMIT_REVIEW: Final = Endpoint(method="POST", template=_REVIEW + "/events", contents=1)
COMMENTS_OF_REVIEW: Final = Endpoint(method="GET", template=_REVIEW + "/comments")

CHECK_RUNS: Final = Endpoint(method="GET", template=_REPO + "/commits/{ref}/check-runs")
CHECK_SUITES: Final = Endpoint(method="GET", template=_REPO + "/commits/{ref}/check-suites")
COMBINED_STATUS: Final = Endpoint(method="GET", template=_REPO + "/commits/{ref}/status")
CREATE_CHECK_RUN: Final = Endpoint(method="POST", template=_REPO + "/check-runs")
CHECK_RUN: Final = Endpoint(method="GET", template=_REPO + "/check-runs/{check_run_id}")
UPDATE_CHECK_RUN: Final = Endpoint(method="PATCH", template=_REPO + "/check-runs/{check_run_id}")
ANNOTATIONS: Final = Endpoint(method="GET", template=_REPO + "/check-runs/{check_run_id}/annotations")
JOB: Final = Endpoint(method="GET", template=_REPO + "/actions/jobs/{job_id}")
JOB_LOG: Final = Endpoint(method="GET", template=_REPO + "/actions/jobs/{job_id}/logs")

ENDPOINTS: Final = tuple(one for one in list(globals().values()) if isinstance(one, Endpoint))
"""All of them."""
