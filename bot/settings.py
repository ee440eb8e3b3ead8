"""Settings: what the operator chose, read once and then handed down in parts.

Promises that all that is wrong is told at once, by variable, received value and expected form, and that no secret
stands in what is told. Does not promise that an address answers or a key is accepted: whoever builds the client finds
out.

Sources, the first one wins: the environment, then the credentials file, then a `.env` file, then the defaults.

The credentials file is the one that `onceover setup` wrote. Only processes of the App read it, and of it they keep only
what their roles need.

`.env` is that of the directory in which the command was started, never that of the directory named by `--repo`. Since
the two are often the same, it may be a stranger's file: it is read without expansion, never exported, may not say where
state lives, which other file is read or where reports go (`NOT_FROM_A_FILE`, ADR 0011), and may not send a key from
elsewhere to an address of its own (`SENT_TO`). SECURITY.md says what is left of that risk.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from bot.credentials_file import PRIVATE_KEYS, read_credentials
from bot.dotenv_file import DotenvFile, read_dotenv
from bot.settings_tree import CREDENTIALS_NAME, PRIVATE_KEY, Part, Settings
from pipeline.engine.errors import AskPerson

ENVIRONMENT: Final = "the environment"
DOTENV: Final = ".env"
CREDENTIALS: Final = "the credentials file"

PREFIX: Final = "ONCEOVER_"
RECEIVED_CHARACTERS_MAX: Final = 60
"""So much of a wrong value is shown; enough to recognise it."""

MARKS: Final = frozenset({"ONCEOVER_TRIAL", "ONCEOVER_TEST_SERVER"})
"""Marks of our own in the environment: of a child process, and of the test suite."""

SERVICE_LINK: Final = re.compile(r"ONCEOVER_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_TCP(_\w+)?)?)")
"""What Kubernetes gives each container beside a Service named `onceover...`; `ONCEOVER_PORT` among them, as a URL."""

NOT_FROM_A_FILE: Final = frozenset(
    {
        "ONCEOVER_STATE_DIR",
        "ONCEOVER_REDIS_URL",
        "ONCEOVER_CREDENTIALS_FILE",
        "ONCEOVER_LLM_MODELS_FILE",
        "SENTRY_DSN",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "ONCEOVER_SANDBOX",
        "ONCEOVER_SANDBOX_CGROUP",
        "ONCEOVER_SANDBOX_READABLE",
    }
)
"""Where state lives: what lies there is replayed by a server and believed by us; a repository could bring its own.
And where errors and traces go: they tell what a process does. And whether and where strangers' code runs."""

NOT_HERE: Final = "is not read from .env, which may be a stranger's; set it in the environment"

SENT_TO: Final[Mapping[str, tuple[str, ...]]] = {
    "OPENAI_BASE_URL": ("OPENAI_API_KEY",),
    "ONCEOVER_GITHUB_API_URL": PRIVATE_KEYS,
}
"""Addresses, each with the secrets that go there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with the settings."""

    variable: str
    """The variable, or `.env`."""
    fault: str
    """What is wrong and what was expected: a clause that can follow the variable's name."""

    def __str__(self) -> str:
        return f"{self.variable} {self.fault}."


class SettingsInvalid(AskPerson):
    """Some settings are wrong; the command ends with exit code 3.

    Args:
        problems: All of them.
    """

    code = "settings_invalid"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems: Final = problems
        super().__init__(
            "\n".join(["Some settings are wrong:", *(f"  {problem}" for problem in problems)]),
            next_step="Change or unset them, then run the same command again.",
        )

    def __str__(self) -> str:
        """Tell all of it, each problem on a line; `message` alone may be cut."""
        return "\n".join(["Some settings are wrong:", *(f"  {problem}" for problem in self.problems), self.next_step])


def read_settings(
    environment: Mapping[str, str], dotenv: Path | None, *, credentials: Collection[str] = frozenset()
) -> Settings:
    """Read the settings; an empty value is as good as none.

    Args:
        environment: The variables of the process; one that it has, empty or not, is not looked up in a file.
        dotenv: The `.env` of the directory in which the command was started, there or not; None reads no file.
        credentials: Variables to take from the credentials file, such as `app_credentials.wanted_by` names; without
            any it is not read.

    Raises:
        SettingsInvalid: Something is wrong; it tells all of it.
    """
    kept = _credentials(environment) if credentials else DotenvFile()
    stored = {name: value for name, value in kept.values.items() if not _is_said(name, environment)}
    file = read_dotenv(dotenv)
    filed = {name: value for name, value in file.values.items() if not _is_said(name, {**environment, **kept.values})}
    from_file = _given(filed, DOTENV)
    refused = NOT_FROM_A_FILE & from_file.keys()
    given = {name: one for name, one in from_file.items() if name not in refused}
    given |= {name: one for name, one in _given(stored, CREDENTIALS).items() if name in credentials}
    given |= _given(environment, ENVIRONMENT)
    problems = (
        *(Problem(variable=DOTENV, fault=fault) for fault in file.faults),
        *(Problem(variable=CREDENTIALS, fault=fault) for fault in kept.faults),
        *(Problem(variable=name, fault=NOT_HERE) for name in sorted(refused)),
        *_unknown({**filed, **stored, **environment}),
        *_contradictions(given),
    )
    home = _default_state_dir(environment)
    defaults = {"ONCEOVER_STATE_DIR": _Given(value=home, source="the default")} if home else {}
    return _settings_of(defaults | given, problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """A value, and where it comes from."""

    value: str = field(repr=False)
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """The place of a variable in the tree."""

    part: str
    field: FieldInfo

    @property
    def expected(self) -> str:
        return (self.field.description or "").partition(";")[0]

    @property
    def is_secret(self) -> bool:
        """Whether its type hides it from view, optional or not."""
        return SecretStr.__name__ in str(self.field.annotation)


def _setting_by_variable() -> dict[str, _Setting]:
    return {
        str(field.validation_alias): _Setting(part=part, field=field)
        for part, holder in Settings.model_fields.items()
        if isinstance(holder.annotation, type) and issubclass(holder.annotation, Part)
        for field in holder.annotation.model_fields.values()
    }


VARIABLES: Final[Mapping[str, _Setting]] = _setting_by_variable()


def _given(values: Mapping[str, str], source: str) -> dict[str, _Given]:
    return {
        name: _Given(value=values[name].strip(), source=source)
        for name in VARIABLES
        if values.get(name, "").strip() and not _is_service_link(name, values[name])
    }


def _is_service_link(name: str, value: str) -> bool:
    return SERVICE_LINK.fullmatch(name) is not None and (name not in VARIABLES or value.startswith("tcp://"))


def _is_said(name: str, elsewhere: Mapping[str, str]) -> bool:
    """Whether a source that counts for more speaks of it; of a key, in either way."""
    return any(one in elsewhere for one in (PRIVATE_KEYS if name in PRIVATE_KEYS else (name,)))


def _credentials(environment: Mapping[str, str]) -> DotenvFile:
    """Read the credentials file, if the environment names one or one stands where it is by default."""
    named, home = environment.get("ONCEOVER_CREDENTIALS_FILE", "").strip(), _state_dir(environment)
    path = Path(named or f"{home}/{CREDENTIALS_NAME}")
    # A relative one is told where the value is judged.
    return read_credentials(path, is_named=bool(named)) if path.is_absolute() else DotenvFile()


def _state_dir(environment: Mapping[str, str]) -> str:
    return environment.get("ONCEOVER_STATE_DIR", "").strip() or _default_state_dir(environment)


def _default_state_dir(environment: Mapping[str, str]) -> str:
    """Follow the XDG Base Directory Specification, which says to ignore a relative XDG_STATE_HOME."""
    state_home, home = environment.get("XDG_STATE_HOME", ""), environment.get("HOME", "")
    if state_home.startswith("/"):
        return f"{state_home}/onceover"
    return f"{home}/.local/state/onceover" if home else ""


def _unknown(values: Mapping[str, str]) -> Iterator[Problem]:
    for name in sorted(values):
        if name.startswith(PREFIX) and not (name in VARIABLES or name in MARKS or _is_service_link(name, values[name])):
            shown = name if name.isprintable() else ascii(name)
            yield Problem(variable=shown, fault=f"is no setting{_meant(name)}")


def _meant(misspelt: str) -> str:
    """Guess by what follows the prefix; all of them share that."""
    variables = {variable.removeprefix(PREFIX): variable for variable in VARIABLES}
    near = get_close_matches(misspelt.removeprefix(PREFIX), variables, n=1)
    return f"; perhaps {variables[near[0]]} is meant" if near else ""


def _contradictions(given: Mapping[str, _Given]) -> Iterator[Problem]:
    sources = {variable: one.source for variable, one in given.items()}
    for address, secrets in SENT_TO.items():
        for secret in secrets:
            if sources.get(address) == DOTENV and sources.get(secret, DOTENV) != DOTENV:
                yield Problem(
                    variable=address,
                    fault=f"from .env would send the {secret} of {sources[secret]} there; set both in the same place",
                )
    if given.keys() >= set(PRIVATE_KEYS):
        yield Problem(variable=PRIVATE_KEY, fault=f"and {PRIVATE_KEY}_FILE are both set; keep one")
    if "ONCEOVER_LLM_MODEL" not in given and "ONCEOVER_LLM_FALLBACK_MODELS" in given:
        yield Problem(variable="ONCEOVER_LLM_FALLBACK_MODELS", fault="is set without ONCEOVER_LLM_MODEL")
    for variable in ("ONCEOVER_LLM_MODEL", "ONCEOVER_EMBEDDING_MODEL"):
        if variable in given and not {"OPENAI_API_KEY", "OPENAI_BASE_URL"} & given.keys():
            yield Problem(variable=variable, fault="needs OPENAI_API_KEY, or OPENAI_BASE_URL for a server without")


def _settings_of(given: Mapping[str, _Given], problems: tuple[Problem, ...]) -> Settings:
    tree: dict[str, dict[str, str]] = {setting.part: {} for setting in VARIABLES.values()}
    for name, one in given.items():
        tree[VARIABLES[name].part][name] = one.value
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        variables = dict.fromkeys(str(fault["loc"][1]) for fault in error.errors(include_url=False))
        misread = tuple(_misread(name, given.get(name)) for name in variables)
        raise SettingsInvalid((*problems, *misread)) from None  # The cause would show what was received.
    if problems:
        raise SettingsInvalid(problems)
    return settings


def _misread(variable: str, given: _Given | None) -> Problem:
    setting = VARIABLES[variable]
    if given is None:
        return Problem(variable=variable, fault=f"is not set; expected {setting.expected}")
    return Problem(
        variable=variable,
        fault=f"in {given.source} {_received(given.value, setting)}; expected {setting.expected}",
    )


def _received(value: str, setting: _Setting) -> str:
    """Show a value so far as it helps: no secret, no credentials in an address, no control characters, not much."""
    if setting.is_secret or "@" in value:
        return "has the wrong form (not shown, for it may be secret)"
    shown = value if len(value) <= RECEIVED_CHARACTERS_MAX else value[:RECEIVED_CHARACTERS_MAX] + "…"
    return f"is {shown!r}"
