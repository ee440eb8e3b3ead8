"""Settings: where they come from, what is refused, and that no refusal tells a secret."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from annotated_types import Ge, Le
from pydantic import SecretStr

from bot.credentials_file import IN_CREDENTIALS
from bot.dotenv_file import FILE_BYTES_MAX
from bot.settings import NOT_FROM_A_FILE, SENT_TO, VARIABLES, SettingsInvalid, read_settings
from bot.settings_tree import Settings

HOME = {"HOME": "/home/ann"}
EVERYTHING = frozenset(IN_CREDENTIALS)
CANARY = "canary-7f3a91"
KEY = {"OPENAI_API_KEY": "k"}


def read(dotenv: Path | None = None, /, **variables: str) -> Settings:
    return read_settings(HOME | variables, dotenv)


def problems_of(dotenv: Path | None = None, /, **variables: str) -> dict[str, str]:
    with pytest.raises(SettingsInvalid) as caught:
        read(dotenv, **variables)
    return {problem.variable: problem.fault for problem in caught.value.problems}


@pytest.fixture
def dotenv(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def test_nothing_set_gives_the_documented_defaults() -> None:
    settings = read()

    assert settings.storage.state_dir == Path("/home/ann/.local/state/onceover")
    assert settings.storage.redis_url is None
    assert settings.storage.retention_days == 30
    assert settings.engine.lease_seconds == 30
    assert settings.model.name is None
    assert settings.telemetry.log_format == "console"
    assert (settings.web.host, settings.web.port) == ("127.0.0.1", 8080)
    assert settings.github.api_url == "https://api.github.com"


def test_every_variable_of_the_contract_is_read() -> None:
    settings = read(
        ONCEOVER_REDIS_URL="redis://:pw@cache:6379/0",
        ONCEOVER_STATE_DIR="/srv/onceover",
        ONCEOVER_GITHUB_APP_ID="12",
        ONCEOVER_GITHUB_PRIVATE_KEY="-----BEGIN\nKEY",
        ONCEOVER_GITHUB_WEBHOOK_SECRET="hook",
        ONCEOVER_GITHUB_API_URL="https://github.corp/api/v3/",
        OPENAI_API_KEY="k",
        OPENAI_BASE_URL="http://localhost:11434/v1",
        ONCEOVER_LLM_MODEL="gpt-9:large",
        ONCEOVER_LLM_FALLBACK_MODELS="a/b, c,,a/b",
        ONCEOVER_LEASE_SECONDS="2",
        ONCEOVER_LOG_FORMAT="json",
        SENTRY_DSN="https://key@sentry.io/1",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://collector:4318",
        ONCEOVER_HOST="0.0.0.0",  # noqa: S104  Nothing listens there.
        ONCEOVER_PORT="0",
        ONCEOVER_PUBLIC_URL="https://onceover.example/",
        ONCEOVER_GITHUB_WEB_URL="https://github.corp",
        ONCEOVER_SECRET_KEY="s" * 32,
        ONCEOVER_RUNS_AT_ONCE_MAX="4",
    )

    assert settings.storage.redis_url == SecretStr("redis://:pw@cache:6379/0")
    assert settings.storage.state_dir == Path("/srv/onceover")
    assert settings.github.app_id == 12
    assert settings.github.private_key == SecretStr("-----BEGIN\nKEY")
    assert settings.github.webhook_secret == SecretStr("hook")
    assert settings.github.api_url == "https://github.corp/api/v3"
    assert settings.model.api_key == SecretStr("k")
    assert settings.model.base_url == "http://localhost:11434/v1"
    assert settings.model.name == "gpt-9:large"
    assert settings.model.fallback_names == ("a/b", "c")
    assert settings.engine.lease_seconds == 2
    assert settings.telemetry.log_format == "json"
    assert settings.telemetry.sentry_dsn == SecretStr("https://key@sentry.io/1")
    assert settings.telemetry.otel_endpoint == "http://collector:4318"
    assert (settings.web.host, settings.web.port) == ("0.0.0.0", 0)  # noqa: S104  Nothing listens there.
    assert settings.web.public_url == "https://onceover.example"
    assert settings.github.web_url == "https://github.corp"
    assert settings.trust.secret_key == SecretStr("s" * 32)
    assert settings.engine.runs_at_once_max == 4


def test_the_state_directory_follows_xdg_unless_that_is_relative() -> None:
    assert read(XDG_STATE_HOME="/var/state").storage.state_dir == Path("/var/state/onceover")
    assert read(XDG_STATE_HOME="state").storage.state_dir == Path("/home/ann/.local/state/onceover")


def test_without_a_home_the_state_directory_has_to_be_named() -> None:
    assert problems_of(HOME="") == {"ONCEOVER_STATE_DIR": "is not set; expected an absolute path"}


def test_the_environment_wins_over_the_file_even_with_nothing(dotenv: Path) -> None:
    dotenv.write_text("ONCEOVER_PORT=1\nONCEOVER_HOST=filed\nONCEOVER_LEASE_SECONDS=7\n")

    settings = read(dotenv, ONCEOVER_PORT="2", ONCEOVER_HOST="")

    assert (settings.web.port, settings.web.host, settings.engine.lease_seconds) == (2, "127.0.0.1", 7)


def test_a_file_expands_nothing(dotenv: Path) -> None:
    dotenv.write_text("ONCEOVER_LLM_MODEL=${OPENAI_API_KEY}\n")

    assert read(dotenv, OPENAI_API_KEY=CANARY).model.name == "${OPENAI_API_KEY}"


def test_a_file_is_no_source_of_the_state_directory_s_home(dotenv: Path) -> None:
    dotenv.write_text("HOME=/tmp/elsewhere\nXDG_STATE_HOME=/tmp/elsewhere\n")

    assert read(dotenv).storage.state_dir == Path("/home/ann/.local/state/onceover")


@pytest.mark.parametrize(("address", "secret"), [(to, secret) for to, secrets in SENT_TO.items() for secret in secrets])
def test_a_stranger_s_file_cannot_send_the_environment_s_key_elsewhere(dotenv: Path, address: str, secret: str) -> None:
    dotenv.write_text(f"{address}=https://evil.example/v1\n")

    problems = problems_of(dotenv, **{secret: "/k"})

    assert problems == {
        address: f"from .env would send the {secret} of the environment there; set both in the same place"
    }


@pytest.mark.parametrize("variable", sorted(NOT_FROM_A_FILE))
def test_a_stranger_s_file_cannot_say_where_state_lives(dotenv: Path, variable: str) -> None:
    """A repository that brings its own state could make our Redis, and so this machine, do what its author wants."""
    dotenv.write_text(f"{variable}=/proc/self/cwd/.o\n")

    problems = problems_of(dotenv)

    assert list(problems) == [variable]
    assert "set it in the environment" in problems[variable]


@pytest.mark.parametrize("line", ["ONCEOVER_STATE_DIR=", "export ONCEOVER_STATE_DIR", "# ONCEOVER_STATE_DIR=/x"])
def test_a_file_that_leaves_the_state_directory_open_is_fine(dotenv: Path, line: str) -> None:
    dotenv.write_text(f"{line}\n")

    assert read(dotenv).storage.state_dir == Path("/home/ann/.local/state/onceover")


def test_where_state_lives_is_taken_from_the_environment_whatever_a_file_says(dotenv: Path) -> None:
    dotenv.write_text("ONCEOVER_STATE_DIR=/proc/self/cwd/.o\nONCEOVER_REDIS_URL=redis://evil.example\n")

    storage = read(dotenv, ONCEOVER_STATE_DIR="/srv/onceover", ONCEOVER_REDIS_URL="redis://cache").storage

    assert (storage.state_dir, storage.redis_url) == (Path("/srv/onceover"), SecretStr("redis://cache"))


def test_a_file_that_brings_its_own_key_may_say_where_it_goes(dotenv: Path) -> None:
    dotenv.write_text("OPENAI_BASE_URL=https://models.example/v1\nOPENAI_API_KEY=k\n")

    assert read(dotenv).model.base_url == "https://models.example/v1"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"ONCEOVER_PORT=1\n\n'x\n", "has no NAME=value on line 3"),
        (b"A=\xff\xfe", "is not UTF-8"),
        (b"#" * (FILE_BYTES_MAX + 1), "is larger than 65,536 bytes"),
    ],
)
def test_an_unreadable_file_is_a_problem_told_without_its_content(dotenv: Path, content: bytes, fault: str) -> None:
    dotenv.write_bytes(content)

    assert problems_of(dotenv) == {".env": fault}


def test_no_file_and_a_virtual_environment_of_that_name_say_nothing(dotenv: Path) -> None:
    assert read(dotenv).web.port == 8080

    dotenv.mkdir()

    assert read(dotenv).web.port == 8080


def test_all_problems_are_told_at_once_by_variable_value_and_expected_form() -> None:
    problems = problems_of(
        ONCEOVER_PORT="80a",
        ONCEOVER_LEASE_SECONDS="0",
        ONCEOVER_LOG_FORMAT="\x1b[31mred",
        ONCEOVER_STATE_DIR="state",
        ONCEOVER_LEASE_SECOND="3",
        ONCEOVER_XYZZY="3",
        ONCEOVER_OPENAI_API_KEY="k",
        ONCEOVER_LLM_FALLBACK_MODELS="a b",
    )

    assert problems == {
        "ONCEOVER_PORT": "in the environment is '80a'; expected a whole number, 0 to 65535",
        "ONCEOVER_LEASE_SECONDS": "in the environment is '0'; expected whole seconds, 1 to 3600",
        "ONCEOVER_LOG_FORMAT": r"in the environment is '\x1b[31mred'; expected console or json",
        "ONCEOVER_STATE_DIR": "in the environment is 'state'; expected an absolute path",
        "ONCEOVER_LEASE_SECOND": "is no setting; perhaps ONCEOVER_LEASE_SECONDS is meant",
        "ONCEOVER_XYZZY": "is no setting",
        "ONCEOVER_OPENAI_API_KEY": "is no setting; perhaps OPENAI_API_KEY is meant",
        "ONCEOVER_LLM_FALLBACK_MODELS": "in the environment is 'a b'; expected model names, with commas between",
    }


def test_a_misspelt_name_from_a_stranger_s_file_is_told_without_control_characters(dotenv: Path) -> None:
    dotenv.write_text("ONCEOVER_\x1b[31m=1\n")

    assert problems_of(dotenv) == {r"'ONCEOVER_\x1b[31m'": "is no setting"}


def test_the_error_tells_every_problem_even_when_there_are_many() -> None:
    wrong = {f"ONCEOVER_WRONG_{number}": "" for number in range(100)}

    with pytest.raises(SettingsInvalid, match="ONCEOVER_WRONG_99 is no setting"):
        read(**wrong)


@pytest.mark.parametrize(
    ("variables", "fault"),
    [
        ({"ONCEOVER_LLM_MODEL": "m"}, "needs OPENAI_API_KEY, or OPENAI_BASE_URL for a server without"),
        (KEY | {"ONCEOVER_LLM_FALLBACK_MODELS": "m"}, "is set without ONCEOVER_LLM_MODEL"),
        (
            {"ONCEOVER_GITHUB_PRIVATE_KEY": "k", "ONCEOVER_GITHUB_PRIVATE_KEY_FILE": "/k"},
            "and ONCEOVER_GITHUB_PRIVATE_KEY_FILE are both set; keep one",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(variables: dict[str, str], fault: str) -> None:
    assert fault in problems_of(**variables).values()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ONCEOVER_REDIS_URL", "http://cache"),
        ("ONCEOVER_REDIS_URL", "redis://"),
        ("ONCEOVER_REDIS_URL", "redis://cache:port"),
        ("ONCEOVER_REDIS_URL", "unix://"),
        ("OPENAI_BASE_URL", "localhost:11434"),
        ("OPENAI_BASE_URL", "https://ann:pw@models.example"),
        ("OPENAI_BASE_URL", "https://models.example/\n.evil"),
        ("OPENAI_BASE_URL", "https://[::1"),
        ("OPENAI_API_KEY", "two\nlines"),
        ("OPENAI_API_KEY", "k\u200b"),
        ("SENTRY_DSN", "https://sentry.io/1"),
        ("ONCEOVER_HOST", "a b"),
        ("ONCEOVER_STATE_DIR", "/srv/\udcff"),
        ("ONCEOVER_GITHUB_APP_ID", "0"),
        ("ONCEOVER_SECRET_KEY", "s" * 31),
        ("ONCEOVER_SECRET_KEY", "s" * 32 + " s"),
        ("ONCEOVER_RUNS_AT_ONCE_MAX", "0"),
        ("ONCEOVER_CREDENTIALS_FILE", "onceover.env"),
    ],
)
def test_a_value_of_the_wrong_form_is_refused(variable: str, value: str) -> None:
    assert list(problems_of(**{variable: value})) == [variable]


SECRETS = sorted(variable for variable, setting in VARIABLES.items() if setting.is_secret)


def test_what_can_hold_a_secret_is_known_as_one() -> None:
    assert SECRETS == [
        "ONCEOVER_GITHUB_PRIVATE_KEY",
        "ONCEOVER_GITHUB_WEBHOOK_SECRET",
        "ONCEOVER_REDIS_URL",
        "ONCEOVER_SECRET_KEY",
        "OPENAI_API_KEY",
        "SENTRY_DSN",
    ]


@pytest.mark.parametrize("form", ["{}", "{}\n", "redis://:{}@cache", "https://{}@sentry.io/1", "htp//{}", " {} \x1b"])
@pytest.mark.parametrize("variable", [*SECRETS, "OPENAI_BASE_URL", "ONCEOVER_LLM_KEY"])
def test_no_secret_stands_in_a_repr_or_an_error(dotenv: Path, variable: str, form: str) -> None:
    """Whether the value is accepted, refused, or stands under a misspelt name or in a broken file."""
    secret = form.format(CANARY)
    if variable == "OPENAI_BASE_URL":
        secret = f"ftp://ann:{CANARY}@models.example"
    dotenv.write_text(f"'{CANARY}\n")

    told = _told(None, {variable: secret}) + _told(dotenv, {variable: secret})

    assert CANARY not in told


def _told(dotenv: Path | None, variables: dict[str, str]) -> str:
    try:
        return repr(read(dotenv, **variables))
    except SettingsInvalid as error:
        return f"{error!r} {error} {error.message} {error.problems} {error.__cause__}"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ONCEOVER_PORT", "tcp://10.0.0.7:8080"),
        ("ONCEOVER_PORT_8080_TCP_ADDR", "10.0.0.7"),
        ("ONCEOVER_SERVICE_HOST", "10.0.0.7"),
        ("ONCEOVER_WEB_SERVICE_PORT_HTTP", "8080"),
        ("ONCEOVER_REDIS_PORT", "tcp://10.0.0.8:6379"),
    ],
)
def test_what_kubernetes_says_of_a_service_named_onceover_is_not_ours(variable: str, value: str) -> None:
    assert read(**{variable: value}).web.port == 8080


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    """The file that `onceover setup` writes, here empty, in the state directory that `with_credentials` names."""
    path = tmp_path / "onceover.env"
    path.touch(mode=0o600)
    return path


def with_credentials(path: Path, wanted: frozenset[str] = EVERYTHING, /, **variables: str) -> Settings:
    return read_settings(HOME | {"ONCEOVER_STATE_DIR": str(path.parent)} | variables, None, credentials=wanted)


def faults_with_credentials(path: Path, /, **variables: str) -> dict[str, str]:
    with pytest.raises(SettingsInvalid) as caught:
        with_credentials(path, **variables)
    return {problem.variable: problem.fault for problem in caught.value.problems}


def test_the_credentials_file_in_the_state_directory_is_read_by_who_asks_for_it(credentials: Path) -> None:
    credentials.write_text("ONCEOVER_GITHUB_APP_ID=12\n")

    unasked = read(ONCEOVER_STATE_DIR=str(credentials.parent))

    assert with_credentials(credentials).github.app_id == 12
    assert unasked.github.app_id is None


def test_the_credentials_file_may_be_named(credentials: Path) -> None:
    elsewhere = credentials.rename(credentials.with_name("acme.env"))
    elsewhere.write_text("ONCEOVER_GITHUB_APP_ID=12\n")

    assert with_credentials(elsewhere, ONCEOVER_CREDENTIALS_FILE=str(elsewhere)).github.app_id == 12


def test_a_process_keeps_only_what_it_wants_of_the_credentials_file(credentials: Path) -> None:
    credentials.write_text(f"ONCEOVER_GITHUB_PRIVATE_KEY={CANARY}\nONCEOVER_GITHUB_APP_ID=12\n")

    settings = with_credentials(credentials, frozenset({"ONCEOVER_GITHUB_APP_ID"}))

    assert settings.github.app_id == 12
    assert settings.github.private_key is None


def test_the_environment_wins_over_the_credentials_file_and_that_over_a_dotenv(credentials: Path, dotenv: Path) -> None:
    credentials.write_text("ONCEOVER_GITHUB_APP_ID=1\nONCEOVER_GITHUB_WEBHOOK_SECRET=stored\n")
    dotenv.write_text("ONCEOVER_GITHUB_APP_ID=2\nONCEOVER_GITHUB_WEBHOOK_SECRET=filed\nONCEOVER_PUBLIC_URL=https://d\n")
    environment = HOME | {"ONCEOVER_STATE_DIR": str(credentials.parent), "ONCEOVER_GITHUB_APP_ID": "3"}

    settings = read_settings(environment, dotenv, credentials=EVERYTHING)

    assert settings.github.app_id == 3
    assert settings.github.webhook_secret == SecretStr("stored")
    assert settings.web.public_url == "https://d"


def test_a_key_in_the_environment_wins_over_a_key_file_of_the_credentials_file(credentials: Path) -> None:
    credentials.write_text("ONCEOVER_GITHUB_PRIVATE_KEY_FILE=/k\n")

    github = with_credentials(credentials, ONCEOVER_GITHUB_PRIVATE_KEY="k").github

    assert (github.private_key, github.private_key_file) == (SecretStr("k"), None)


def test_a_stranger_s_file_cannot_send_the_credentials_file_s_key_elsewhere(credentials: Path, dotenv: Path) -> None:
    credentials.write_text("ONCEOVER_GITHUB_PRIVATE_KEY_FILE=/k\n")
    dotenv.write_text("ONCEOVER_GITHUB_API_URL=https://evil.example\n")

    with pytest.raises(SettingsInvalid, match="_KEY_FILE of the credentials file there; set both in the same place"):
        read_settings(HOME | {"ONCEOVER_STATE_DIR": str(credentials.parent)}, dotenv, credentials=EVERYTHING)


def test_the_credentials_file_says_nothing_else(credentials: Path) -> None:
    credentials.write_text(f"OPENAI_API_KEY={CANARY}\nONCEOVER_GITHUB_APP_ID=12\n")

    assert faults_with_credentials(credentials) == {
        "the credentials file": f"{credentials} may not set OPENAI_API_KEY; set it in the environment"
    }


def test_a_credentials_file_that_others_can_write_is_refused(credentials: Path) -> None:
    """They could name another GitHub in it, and receive what the App's key signs."""
    credentials.write_text("ONCEOVER_GITHUB_APP_ID=12\n")
    credentials.chmod(0o620)

    assert "can be written by others" in faults_with_credentials(credentials)["the credentials file"]


def test_a_credentials_file_that_was_named_has_to_be_there(tmp_path: Path) -> None:
    absent = tmp_path / "absent.env"

    assert with_credentials(absent).github.app_id is None
    assert faults_with_credentials(absent, ONCEOVER_CREDENTIALS_FILE=str(absent)) == {
        "the credentials file": f"{absent} is not there"
    }


def test_a_setting_names_its_bounds_and_its_use() -> None:
    for variable, setting in VARIABLES.items():
        expected, _, use = (setting.field.description or "").partition("; ")
        bounds = [str(bound) for bound in _bounds(setting.field.metadata)]

        assert expected, variable
        assert use, variable
        assert all(bound in re.findall(r"\d+", expected) for bound in bounds), variable


def _bounds(metadata: Iterable[object]) -> list[object]:
    return [one.ge if isinstance(one, Ge) else one.le for one in metadata if isinstance(one, Ge | Le)]
