"""Registered: a new App, as GitHub hands it over once, and what our processes have to know of it."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from bot.app_credentials import APP_ID, SECRET_KEY, WEBHOOK_SECRET
from bot.setup.hosts import GITHUB_API, GitHubHost, web_url_of


class NewApp(BaseModel):
    """What GitHub answers; the fields that we keep, and the secrets hidden from view."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    app_id: Annotated[int, Field(ge=1, validation_alias="id")]
    slug: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
    html_url: Annotated[str, StringConstraints(pattern=r"^https?://[!-~]{1,500}$")]
    pem: SecretStr
    webhook_secret: SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A new App, and all that our processes have to know of it."""

    app: NewApp
    github: GitHubHost
    public_url: str
    secret_key: SecretStr

    def variables(self) -> dict[str, str]:
        """List the settings without the private key."""
        values = {
            APP_ID: str(self.app.app_id),
            WEBHOOK_SECRET: self.app.webhook_secret.get_secret_value(),
            SECRET_KEY: self.secret_key.get_secret_value(),
            "ONCEOVER_PUBLIC_URL": self.public_url,
        }
        if self.github.api_url != GITHUB_API:
            values["ONCEOVER_GITHUB_API_URL"] = self.github.api_url
        if self.github.web_url != web_url_of(self.github.api_url):
            values["ONCEOVER_GITHUB_WEB_URL"] = self.github.web_url
        return values
