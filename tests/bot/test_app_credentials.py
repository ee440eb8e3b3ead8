"""App credentials: what a role must hold, and what it must not."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.app_credentials import (
    ALL_ROLES,
    KEY_BYTES_MAX,
    CredentialsMissing,
    KeyUnreadable,
    Role,
    held_against,
    missing_for,
    read_private_key,
    required_for,
    wanted_by,
    without_others,
)
from bot.credentials_file import IN_CREDENTIALS
from bot.settings import read_settings
from bot.settings_tree import Settings

PEM = "-----BEGIN RSA PRIVATE KEY-----\nAA==\n-----END RSA PRIVATE KEY-----\n"
EVERYTHING = {
    "ONCEOVER_GITHUB_APP_ID": "12",
    "ONCEOVER_GITHUB_PRIVATE_KEY": PEM,
    "ONCEOVER_GITHUB_WEBHOOK_SECRET": "hook",
    "ONCEOVER_SECRET_KEY": "s" * 43,
}


def settings(**variables: str) -> Settings:
    return read_settings({"HOME": "/home/ann"} | variables, None)


def test_each_role_is_told_what_it_lacks_and_no_more() -> None:
    lacking = {role: [lack.variable for lack in missing_for({role}, settings())] for role in Role}

    key = "ONCEOVER_GITHUB_PRIVATE_KEY or ONCEOVER_GITHUB_PRIVATE_KEY_FILE"
    assert lacking == {
        Role.DOOR: ["ONCEOVER_GITHUB_WEBHOOK_SECRET", "ONCEOVER_SECRET_KEY"],
        Role.BROKER: ["ONCEOVER_GITHUB_APP_ID", key, "ONCEOVER_SECRET_KEY"],
        Role.REVIEWER: ["ONCEOVER_SECRET_KEY"],
        Role.PUBLISHER: ["ONCEOVER_GITHUB_APP_ID", key, "ONCEOVER_SECRET_KEY"],
    }


def test_all_that_is_missing_is_told_at_once_with_the_next_step() -> None:
    with pytest.raises(CredentialsMissing) as caught:
        required_for(ALL_ROLES, settings())

    assert str(caught.value).splitlines() == [
        "The App's credentials are not complete; not set:",
        "  ONCEOVER_GITHUB_WEBHOOK_SECRET, for door",
        "  ONCEOVER_SECRET_KEY, for door, broker, reviewer and publisher",
        "  ONCEOVER_GITHUB_APP_ID, for broker and publisher",
        "  ONCEOVER_GITHUB_PRIVATE_KEY or ONCEOVER_GITHUB_PRIVATE_KEY_FILE, for broker and publisher",
        "`onceover setup` makes all of them for a new App; for one that you have, set them.",
    ]


def test_a_shared_secret_alone_is_made_without_a_new_app() -> None:
    with pytest.raises(CredentialsMissing, match=r"secrets\.token_urlsafe") as caught:
        required_for({Role.REVIEWER}, settings())

    assert "onceover setup" not in str(caught.value)


def test_a_process_is_given_the_credentials_of_its_roles_and_no_other() -> None:
    door = required_for({Role.DOOR}, settings(**EVERYTHING))
    reviewer = required_for({Role.REVIEWER}, settings(**EVERYTHING))
    publisher = required_for({Role.BROKER, Role.PUBLISHER}, settings(**EVERYTHING))

    assert (door.webhook_secret, door.identity) == (SecretStr("hook"), None)
    assert (reviewer.webhook_secret, reviewer.identity) == (None, None)
    assert publisher.webhook_secret is None
    assert publisher.identity
    assert publisher.identity.app_id == 12
    assert publisher.identity.private_key == SecretStr(PEM)


def test_the_reviewer_takes_no_key_of_github_from_the_credentials_file(tmp_path: Path) -> None:
    file = tmp_path / "onceover.env"
    file.write_text("\n".join(f"{name}='{value}'" for name, value in EVERYTHING.items()))
    file.chmod(0o600)
    environment = {"HOME": "/home/ann", "ONCEOVER_STATE_DIR": str(tmp_path)}

    read = read_settings(environment, None, credentials=wanted_by({Role.REVIEWER}))

    assert read.trust.secret_key == SecretStr("s" * 43)
    assert (read.github.private_key, read.github.private_key_file, read.github.webhook_secret) == (None, None, None)
    assert held_against({Role.REVIEWER}, read) == ()


def test_what_a_process_holds_against_its_roles_is_told() -> None:
    held = held_against({Role.REVIEWER}, settings(**EVERYTHING))

    assert [lack.variable for lack in held] == ["ONCEOVER_GITHUB_PRIVATE_KEY", "ONCEOVER_GITHUB_WEBHOOK_SECRET"]
    assert str(held[0]) == (
        "ONCEOVER_GITHUB_PRIVATE_KEY is held by a process that is reviewer only. "
        "Take it out of that process's environment."
    )
    assert held_against(ALL_ROLES, settings(**EVERYTHING)) == ()


def test_the_roles_together_want_all_that_the_credentials_file_may_hold() -> None:
    assert wanted_by(ALL_ROLES) == IN_CREDENTIALS


def test_a_key_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(PEM)

    assert read_private_key(settings(ONCEOVER_GITHUB_PRIVATE_KEY_FILE=str(file))) == SecretStr(PEM)


@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_a_key_on_one_line_gets_its_line_ends_back(quote: str) -> None:
    key = read_private_key(settings(ONCEOVER_GITHUB_PRIVATE_KEY=quote + PEM.replace("\n", "\\n") + quote))

    assert key == SecretStr(PEM)


@pytest.mark.parametrize("content", ["canary-key", "", "x" * (KEY_BYTES_MAX + 1), "\x00\udcff"])
def test_what_is_no_key_is_refused_without_showing_it(tmp_path: Path, content: str) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(content.encode(errors="surrogateescape"))

    with pytest.raises(KeyUnreadable, match="holds no private key in PEM form") as caught:
        read_private_key(settings(ONCEOVER_GITHUB_PRIVATE_KEY_FILE=str(file)))

    assert not content or content not in str(caught.value)


def test_a_key_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    absent = tmp_path / "absent.pem"

    with pytest.raises(KeyUnreadable, match=rf"{absent} cannot be read: No such file"):
        read_private_key(settings(ONCEOVER_GITHUB_PRIVATE_KEY_FILE=str(absent)))


def test_no_secret_stands_in_a_repr() -> None:
    secrets = EVERYTHING | {"ONCEOVER_GITHUB_WEBHOOK_SECRET": "canary-hook", "ONCEOVER_SECRET_KEY": "canary" * 8}

    told = repr(required_for(ALL_ROLES, settings(**secrets)))

    assert "canary" not in told
    assert "BEGIN" not in told


def test_a_process_forgets_the_secrets_of_roles_that_it_does_not_hold() -> None:
    held = settings(**EVERYTHING)

    reviewer, door = without_others({Role.REVIEWER}, held).github, without_others({Role.DOOR}, held).github

    assert (reviewer.private_key, reviewer.private_key_file, reviewer.webhook_secret) == (None, None, None)
    assert (door.private_key, door.private_key_file, door.webhook_secret) == (None, None, SecretStr("hook"))
    assert without_others(ALL_ROLES, held) == held
