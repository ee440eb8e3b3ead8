"""App credentials: what each role of the App must hold, and what it must not.

Promises that a process takes from the credentials file only what its roles need, that all that is missing is told at
once with the next step, and that a role which reads what strangers wrote is told when it was given the App's key.
Does not promise that GitHub accepts any of it: `onceover doctor` asks.

Roles and what they may hold follow from the design: whoever reads a stranger's text holds no key that can write.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from bot.credentials_file import PRIVATE_KEYS
from bot.settings_tree import PRIVATE_KEY, Settings
from pipeline.engine.errors import AskPerson
from pipeline.review.wording import listed

KEY_BYTES_MAX: Final = 65_536
"""GitHub's keys take 1.7 KB; larger is some other file."""

PEM_BEGINNING: Final = "-----BEGIN "

APP_ID: Final = "ONCEOVER_GITHUB_APP_ID"
WEBHOOK_SECRET: Final = "ONCEOVER_GITHUB_WEBHOOK_SECRET"  # noqa: S105  The name of a variable.
SECRET_KEY: Final = "ONCEOVER_SECRET_KEY"  # noqa: S105  The name of a variable.

MAKE_OR_SET: Final = "`onceover setup` makes all of them for a new App; for one that you have, set them."
GENERATE: Final = (
    'It has to be the same in all processes; to make one: python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
)


class Role(StrEnum):
    """A part of the App that may run in a process of its own."""

    DOOR = "door"  # Takes deliveries; does no work.
    BROKER = "broker"  # Mints tokens with the App's key.
    REVIEWER = "reviewer"  # Reads what strangers wrote; writes nowhere.
    PUBLISHER = "publisher"  # Writes to GitHub; deterministic code.


ALL_ROLES: Final = frozenset(Role)

NEEDS: Final[Mapping[Role, tuple[str, ...]]] = {
    Role.DOOR: (WEBHOOK_SECRET, SECRET_KEY),
    Role.BROKER: (APP_ID, PRIVATE_KEY, SECRET_KEY),
    Role.REVIEWER: (SECRET_KEY,),
    Role.PUBLISHER: (APP_ID, PRIVATE_KEY, SECRET_KEY),
}
"""What a role cannot work without; for the key, one of its two variables."""

PLACES: Final = frozenset({"ONCEOVER_GITHUB_API_URL", "ONCEOVER_GITHUB_WEB_URL", "ONCEOVER_PUBLIC_URL", APP_ID})
"""No secrets; any role may know them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """Something that a process lacks for its roles, or holds against them."""

    variable: str
    roles: tuple[Role, ...]
    """Those of the process that need it; none if it is held against them."""
    why: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.variable} {self.why}. {self.next_step}"


class CredentialsMissing(AskPerson):
    """A process of the App cannot take up its roles.

    Args:
        lacks: All of what is missing.
    """

    code = "credentials_missing"

    def __init__(self, lacks: tuple[Lack, ...]) -> None:
        self.lacks: Final = lacks
        named = (f"  {lack.variable}, for {listed(lack.roles)}" for lack in lacks)
        only_key = [lack.variable for lack in lacks] == [SECRET_KEY]
        super().__init__(
            "\n".join(["The App's credentials are not complete; not set:", *named]),
            next_step=f"Set it. {GENERATE}" if only_key else MAKE_OR_SET,
        )

    def __str__(self) -> str:
        """Tell the next step on a line of its own."""
        return f"{self.message}\n{self.next_step}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppIdentity:
    """Who the App is, and what it signs with."""

    app_id: int
    private_key: SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCredentials:
    """What a process may use; what its roles do not need is None, however much its environment holds."""

    secret_key: SecretStr
    identity: AppIdentity | None = None
    """For the broker and the publisher."""
    webhook_secret: SecretStr | None = None
    """For the door."""


def wanted_by(roles: Collection[Role]) -> frozenset[str]:
    """Name the variables that a process with these roles takes from the credentials file."""
    needed = {variable for role in roles for variable in NEEDS[role]}
    return PLACES | needed | (set(PRIVATE_KEYS) if PRIVATE_KEY in needed else set())


def required_for(roles: Collection[Role], settings: Settings) -> AppCredentials:
    """Give a process the credentials of its roles, and no other.

    Args:
        roles: Those of the process, at least one.
        settings: Of the process.

    Raises:
        CredentialsMissing: Some are not set; it tells all of them.
        KeyUnreadable: The App's key is no key, or its file cannot be read.
    """
    secret_key = settings.trust.secret_key
    lacks = missing_for(roles, settings)
    if lacks or secret_key is None:
        raise CredentialsMissing(lacks)
    needed = wanted_by(roles)
    return AppCredentials(
        secret_key=secret_key,
        identity=identity_of(settings) if PRIVATE_KEY in needed else None,
        webhook_secret=settings.github.webhook_secret if WEBHOOK_SECRET in needed else None,
    )


def identity_of(settings: Settings) -> AppIdentity | None:
    """Say who the App is and read its key; None if its number is not set.

    Raises:
        KeyUnreadable: The App's key is not set, is no key, or its file cannot be read.
    """
    app_id = settings.github.app_id
    return AppIdentity(app_id=app_id, private_key=read_private_key(settings)) if app_id else None


def missing_for(roles: Collection[Role], settings: Settings) -> tuple[Lack, ...]:
    """Tell what the roles need and the settings do not say, in the order of the roles."""
    present = _present(settings)
    needed = dict.fromkeys(variable for role in Role if role in roles for variable in NEEDS[role])
    return tuple(_lack(variable, roles) for variable in needed if not present[variable])


def held_against(roles: Collection[Role], settings: Settings) -> tuple[Lack, ...]:
    """Tell which secrets a process holds that none of its roles may see."""
    needed = wanted_by(roles)
    return tuple(
        Lack(
            variable=variable,
            roles=(),
            why=f"is held by a process that is {' and '.join(sorted(roles))} only",
            next_step="Take it out of that process's environment.",
        )
        for variable, is_present in _present(settings).items()
        if is_present and variable not in needed
    )


def without_others(roles: Collection[Role], settings: Settings) -> Settings:
    """Give the settings of a process without the secrets of the App that none of its roles may see."""
    needed = wanted_by(roles)
    forgotten = {name: None for variable, names in _FIELDS.items() if variable not in needed for name in names}
    return settings.model_copy(update={"github": settings.github.model_copy(update=forgotten)})


_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    PRIVATE_KEY: ("private_key", "private_key_file"),
    WEBHOOK_SECRET: ("webhook_secret",),
}
"""Where the settings hold a secret of the App."""


class KeyUnreadable(AskPerson):
    """The App's private key is none, or cannot be read."""

    code = "private_key_unreadable"


def read_private_key(settings: Settings) -> SecretStr:
    """Read the App's private key from its setting or from the file that the setting names.

    Raises:
        KeyUnreadable: It is not set, its file cannot be read, or it has not the form of a key.
    """
    github = settings.github
    if github.private_key is not None:
        # Environment files hold no line ends: `\n` written out is the usual way to store a key there; and docker leaves
        # quotes where other readers of such files take them off.
        return _key_of(github.private_key.get_secret_value().strip("\"'").replace("\\n", "\n"), PRIVATE_KEY)
    if github.private_key_file is None:
        raise KeyUnreadable("The App's private key is not set.", next_step=f"Set {PRIVATE_KEYS[1]}.")
    return _key_of(_text_of(github.private_key_file), str(github.private_key_file))


def _present(settings: Settings) -> dict[str, bool]:
    github = settings.github
    return {
        APP_ID: github.app_id is not None,
        PRIVATE_KEY: (github.private_key or github.private_key_file) is not None,
        WEBHOOK_SECRET: github.webhook_secret is not None,
        SECRET_KEY: settings.trust.secret_key is not None,
    }


def _lack(variable: str, roles: Collection[Role]) -> Lack:
    needing = tuple(role for role in Role if role in roles and variable in NEEDS[role])
    return Lack(
        variable=" or ".join(PRIVATE_KEYS) if variable == PRIVATE_KEY else variable,
        roles=needing,
        why=f"is not set, and {listed(needing)} cannot work without it",
        next_step=f"Set it. {GENERATE}" if variable == SECRET_KEY else MAKE_OR_SET,
    )


def _text_of(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(KEY_BYTES_MAX + 1)
    except OSError as error:
        raise KeyUnreadable(
            f"The App's private key {file} cannot be read: {error.strerror}.",
            next_step=f"Correct {PRIVATE_KEYS[1]} or the file's owner and mode.",
        ) from error
    return content[:KEY_BYTES_MAX].decode("ascii", errors="replace")


def _key_of(text: str, place: str) -> SecretStr:
    if not text.strip().startswith(PEM_BEGINNING):
        raise KeyUnreadable(
            f"{place} holds no private key in PEM form.",
            next_step="It begins with `-----BEGIN RSA PRIVATE KEY-----`; the App's page on GitHub makes a new one.",
        )
    return SecretStr(text.strip() + "\n")
