"""Own: what the door knows of its own App, to tell its doings from those of others."""

from dataclasses import dataclass

from webhooks.payloads import App


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """Our App at its GitHub. No secret, no token."""

    host: str
    """The network place of the API address (`api.github.com`): what every subject and topic starts with."""
    app_id: int | None = None
    """Unknown while the App is being set up; then nothing is dropped for being of another App."""
    bot_user_id: int | None = None
    """The user by whom our App writes; unknown until a worker has asked GitHub."""

    def is_other_app(self, app: App | None) -> bool:
        """Say whether this is, for certain, an App that is not ours."""
        return self.app_id is not None and app is not None and app.id != self.app_id

    def is_app(self, app: App | None) -> bool:
        """Say whether this is, for certain, our App."""
        return app is not None and app.id == self.app_id
