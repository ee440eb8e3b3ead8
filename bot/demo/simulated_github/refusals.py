"""Refusals: errors in GitHub's form and words."""

from collections.abc import Mapping
from typing import Final

from bot.demo.simulated_github.world import Json

TEXT_CHARACTERS_MAX: Final = 65_536
"""Longest body of a comment or review."""

GITHUB_DOCS: Final = "https://docs.github.com/rest"


class Refusal(Exception):
    """An answer that is an error in GitHub's form."""

    def __init__(self, status: int, message: str, *errors: object, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = dict(headers or {})

    @property
    def content(self) -> Json:
        """The JSON body."""
        content: Json = {"message": self.message, "documentation_url": GITHUB_DOCS, "status": str(self.status)}
        return {**content, "errors": list(self.errors)} if self.errors else content


def unprocessable(*errors: object) -> Refusal:
    """Refuse in the words of the review endpoints."""
    return Refusal(422, "Unprocessable Entity", *errors)


def invalid(resource: str, field: str, message: str, code: str = "custom") -> Refusal:
    """Refuse in the words of most other endpoints."""
    return Refusal(422, "Validation Failed", {"resource": resource, "code": code, "field": field, "message": message})


def not_found() -> Refusal:
    """Refuse as if nothing were there."""
    return Refusal(404, "Not Found")


def check_text(resource: str, body: str, characters_max: int = TEXT_CHARACTERS_MAX) -> None:
    """Refuse a body that is blank or too long."""
    if not body.strip():
        raise invalid(resource, "body", "body can't be blank", "missing_field")
    if len(body) > characters_max:
        raise invalid(resource, "body", f"body is too long (maximum is {characters_max} characters)")
