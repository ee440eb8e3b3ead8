"""Stored: credentials in files that only we read, and never another App's overwritten unasked."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.app_credentials import ALL_ROLES, required_for, wanted_by
from bot.settings import read_settings
from bot.setup.hosts import GitHubHost
from bot.setup.registered import NewApp, Registered
from bot.setup.stored import NotStored, as_env, as_kubernetes, check_place, key_path, store
from tests.bot.setup.fake_github import PEM

ENTERPRISE = GitHubHost(web_url="https://github.corp", api_url="https://github.corp/api/v3")
HOOK = "canary-hook"
PUBLIC = GitHubHost(web_url="https://github.com", api_url="https://api.github.com")


def make_registered(app_id: int = 12, *, github: GitHubHost = PUBLIC, webhook_secret: str = HOOK) -> Registered:
    answer = {
        "id": app_id,
        "slug": "onceover-acme",
        "html_url": "https://github.com/apps/onceover-acme",
        "pem": PEM,
        "webhook_secret": webhook_secret,
    }
    return Registered(
        app=NewApp.model_validate(answer),
        github=github,
        public_url="https://onceover.example",
        secret_key=SecretStr("s" * 43),
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where credentials go."""
    return tmp_path / "onceover.env"


@pytest.mark.parametrize("webhook_secret", ["plain", 'it\'s \\ "odd" # $HOME', "a b=c"])
def test_what_is_stored_is_what_the_processes_of_the_app_read(file: Path, webhook_secret: str) -> None:
    store(make_registered(github=ENTERPRISE, webhook_secret=webhook_secret), file, force=False)

    environment = {"HOME": "/home/ann", "ONCEOVER_STATE_DIR": str(file.parent)}
    settings = read_settings(environment, None, credentials=wanted_by(ALL_ROLES))
    credentials = required_for(ALL_ROLES, settings)

    assert credentials.webhook_secret == SecretStr(webhook_secret)
    assert credentials.secret_key == SecretStr("s" * 43)
    assert credentials.identity
    assert (credentials.identity.app_id, credentials.identity.private_key) == (12, SecretStr(PEM))
    assert settings.github.api_url == "https://github.corp/api/v3"
    assert settings.web.public_url == "https://onceover.example"


def test_only_this_user_can_read_what_is_stored_whatever_the_umask(file: Path) -> None:
    before = os.umask(0)
    try:
        key = store(make_registered(), file, force=False)
    finally:
        os.umask(before)

    assert [path.stat().st_mode & 0o777 for path in (file, key)] == [0o600, 0o600]
    assert sorted(path.name for path in file.parent.iterdir()) == ["app-12.private-key.pem", "onceover.env"]


def test_another_app_s_credentials_are_not_overwritten_unasked(file: Path) -> None:
    store(make_registered(12), file, force=False)
    before = file.read_bytes()

    with pytest.raises(NotStored, match=r"holds the App 12 already\. Name another place .* `--force`"):
        check_place(file, force=False)
    with pytest.raises(NotStored, match="holds the App 12 already"):
        store(make_registered(13), file, force=False)

    assert file.read_bytes() == before


def test_with_force_the_file_names_the_new_app_and_the_old_key_stays(file: Path) -> None:
    old = store(make_registered(12), file, force=False)

    check_place(file, force=True)
    new = store(make_registered(13), file, force=True)

    assert "ONCEOVER_GITHUB_APP_ID=13" in file.read_text()
    assert old.exists()
    assert new == key_path(file, 13)


def test_a_file_of_something_else_is_not_overwritten_either(file: Path) -> None:
    file.write_text("mine\n")

    with pytest.raises(NotStored, match="holds something else already"):
        check_place(file, force=False)


def test_a_link_laid_there_by_somebody_is_not_followed(file: Path, tmp_path: Path) -> None:
    file.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(NotStored, match="holds something else already"):
        store(make_registered(), file, force=False)

    assert not (tmp_path / "elsewhere").exists()


def test_a_place_that_cannot_be_written_is_told_before_github_is_asked(tmp_path: Path) -> None:
    with pytest.raises(NotStored, match="is no directory that this process can write"):
        check_place(tmp_path / "absent" / "onceover.env", force=False)


def test_a_disk_that_refuses_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / ("x" * 250)  # The draft's name is longer than the file system takes.

    with pytest.raises(NotStored, match="cannot be written: File name too long"):
        store(make_registered(), file, force=False)

    assert not file.exists()


def test_printed_settings_hold_the_key_on_one_line_that_is_read_back(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(as_env(make_registered(), key_file=None))

    settings = read_settings({"HOME": "/home/ann"}, dotenv)

    credentials = required_for(ALL_ROLES, settings)
    assert credentials.identity
    assert credentials.identity.private_key == SecretStr(PEM)


def test_a_kubernetes_secret_has_one_key_for_each_variable() -> None:
    yaml = pytest.importorskip("yaml")

    secret = yaml.safe_load(as_kubernetes(make_registered(github=ENTERPRISE, webhook_secret='o"d\\d')))

    assert (secret["kind"], secret["metadata"]["name"]) == ("Secret", "onceover-github-app")
    assert secret["stringData"] == {
        "ONCEOVER_GITHUB_APP_ID": "12",
        "ONCEOVER_GITHUB_WEBHOOK_SECRET": 'o"d\\d',
        "ONCEOVER_SECRET_KEY": "s" * 43,
        "ONCEOVER_PUBLIC_URL": "https://onceover.example",
        "ONCEOVER_GITHUB_API_URL": "https://github.corp/api/v3",
        "ONCEOVER_GITHUB_PRIVATE_KEY": PEM,
    }


def test_no_secret_stands_in_a_repr() -> None:
    assert "canary" not in repr(make_registered())
