"""The tree of settings: each one with its variable, default, bounds and meaning.

Promises inert, frozen values: nothing here reads, opens or builds anything. Secrets hide themselves in every repr.
"""

from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from bot.settings_forms import (
    AbsolutePath,
    AbsolutePaths,
    ApiKey,
    ModelName,
    ModelNames,
    RedisAddress,
    SecretKey,
    SentryAddress,
    WebAddress,
)
from pipeline.review.depth import Depth

PRIVATE_KEY: Final = "ONCEOVER_GITHUB_PRIVATE_KEY"

CREDENTIALS_NAME: Final = "onceover.env"
"""The credentials file in the state directory, where `onceover setup` writes it and the processes of the App look."""


class Part(BaseModel):
    """Some settings that belong together.

    A field's `validation_alias` is its variable; its description is the expected form, a semicolon, and what it is for.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", str_strip_whitespace=True, validate_by_name=True, validate_by_alias=True
    )


class StorageSettings(Part):
    """Where runs are kept."""

    state_dir: AbsolutePath = Field(
        validation_alias="ONCEOVER_STATE_DIR",
        description="an absolute path; where the embedded Redis and the local state stand",
    )
    redis_url: RedisAddress | None = Field(
        None,
        validation_alias="ONCEOVER_REDIS_URL",
        description="redis://host:port/db, rediss://... or unix:///path; unset, an embedded Redis is started",
    )
    credentials_file: AbsolutePath | None = Field(
        None,
        validation_alias="ONCEOVER_CREDENTIALS_FILE",
        description=f"an absolute path; the App's credentials, unset {CREDENTIALS_NAME} in the state directory",
    )
    retention_days: int = Field(
        30,
        validation_alias="ONCEOVER_RETENTION_DAYS",
        ge=1,
        le=3650,
        description="whole days, 1 to 3650; how long a finished run is kept",
    )

    @property
    def credentials_path(self) -> Path:
        """Where the App's credentials stand, there or not."""
        return self.credentials_file or self.state_dir / CREDENTIALS_NAME


class EngineSettings(Part):
    """How patient the engine is."""

    lease_seconds: int = Field(
        30,
        validation_alias="ONCEOVER_LEASE_SECONDS",
        ge=1,
        le=3600,
        description="whole seconds, 1 to 3600; how long a silent worker keeps its right to move a run on",
    )
    run_seconds_max: int = Field(
        3600,
        validation_alias="ONCEOVER_RUN_SECONDS_MAX",
        ge=30,
        le=604_800,
        description="whole seconds, 30 to 604800; how long one run may take, waits included",
    )
    runs_at_once_max: int = Field(
        10,
        validation_alias="ONCEOVER_RUNS_AT_ONCE_MAX",
        ge=1,
        le=1000,
        description="a whole number, 1 to 1000; how many runs one worker moves at the same time",
    )


class ModelSettings(Part):
    """Which model reads the change, and where."""

    api_key: ApiKey | None = Field(
        None,
        validation_alias="OPENAI_API_KEY",
        description="printable ASCII without spaces; the key of the model server, sent nowhere else",
    )
    base_url: WebAddress | None = Field(
        None,
        validation_alias="OPENAI_BASE_URL",
        description="an http:// or https:// address without user and password; unset, OpenAI's own",
    )
    name: ModelName | None = Field(
        None,
        validation_alias="ONCEOVER_LLM_MODEL",
        description="a model name without spaces and commas; unset, no model is asked",
    )
    fallback_names: ModelNames = Field(
        (),
        validation_alias="ONCEOVER_LLM_FALLBACK_MODELS",
        description="model names, with commas between; asked in this order while the first one is out of order",
    )
    embedding_name: ModelName | None = Field(
        None,
        validation_alias="ONCEOVER_EMBEDDING_MODEL",
        description="a model name without spaces and commas; finds documentation by meaning, unset, by its words alone",
    )
    models_file: AbsolutePath | None = Field(
        None,
        validation_alias="ONCEOVER_LLM_MODELS_FILE",
        description="an absolute path; TOML or JSON with prices and context windows of models, before our own table",
    )
    timeout_seconds: int = Field(
        120,
        validation_alias="ONCEOVER_LLM_TIMEOUT_SECONDS",
        ge=1,
        le=3600,
        description="whole seconds, 1 to 3600; how long one answer of the model may take",
    )
    connect_seconds: int = Field(
        10,
        validation_alias="ONCEOVER_LLM_CONNECT_SECONDS",
        ge=1,
        le=300,
        description="whole seconds, 1 to 300; how long a connection to the model's server may take",
    )
    read_seconds: int | None = Field(
        None,
        validation_alias="ONCEOVER_LLM_READ_SECONDS",
        ge=1,
        le=3600,
        description="whole seconds, 1 to 3600; how long the model's server may say nothing, unset as long as an answer",
    )


class ReviewSettings(Part):
    """How much a review may take."""

    depth_max: Depth = Field(
        Depth.DEEP,
        validation_alias="ONCEOVER_REVIEW_DEPTH_MAX",
        description="quick, standard or deep; the deepest review that a repository may ask for",
    )


class TrialSettings(Part):
    """How the repository's own tests are run."""

    seconds_max: int = Field(
        900,
        validation_alias="ONCEOVER_TEST_SECONDS_MAX",
        ge=1,
        le=86_400,
        description="whole seconds, 1 to 86400; how long the test command may take",
    )
    base_seconds_max: int = Field(
        0,
        validation_alias="ONCEOVER_TEST_BASE_SECONDS_MAX",
        ge=0,
        le=86_400,
        description="whole seconds, 0 to 86400; how long failed tests may run on the merge base too, 0 not at all",
    )


class SandboxSettings(Part):
    """Where strangers' code runs, and what it may take."""

    backend: Literal["off", "bubblewrap"] = Field(
        "off",
        validation_alias="ONCEOVER_SANDBOX",
        description="off or bubblewrap; whether the App runs a repository's own test command, and in what",
    )
    memory_mb: int = Field(
        2048,
        validation_alias="ONCEOVER_SANDBOX_MEMORY_MB",
        ge=16,
        le=1_048_576,
        description="whole MiB, 16 to 1048576; memory of all processes of a run, besides their files",
    )
    pids: int = Field(
        256,
        validation_alias="ONCEOVER_SANDBOX_PIDS",
        ge=1,
        le=32_768,
        description="a whole number, 1 to 32768; processes and threads of a run at once",
    )
    tmp_mb: int = Field(
        512,
        validation_alias="ONCEOVER_SANDBOX_TMP_MB",
        ge=1,
        le=1_048_576,
        description="whole MiB, 1 to 1048576; /tmp of a run, which is memory",
    )
    work_mb: int = Field(
        1024,
        validation_alias="ONCEOVER_SANDBOX_WORK_MB",
        ge=1,
        le=1_048_576,
        description="whole MiB, 1 to 1048576; the copy of the check-out and what is written there, which is memory",
    )
    output_kb: int = Field(
        4096,
        validation_alias="ONCEOVER_SANDBOX_OUTPUT_KB",
        ge=1,
        le=65_536,
        description="whole KiB, 1 to 65536; stdout and stderr of a run, each",
    )
    cgroup: AbsolutePath | None = Field(
        None,
        validation_alias="ONCEOVER_SANDBOX_CGROUP",
        description="an absolute path; a cgroup (version 2) that is delegated to Onceover, unset one is looked for",
    )
    readable: AbsolutePaths = Field(
        (),
        validation_alias="ONCEOVER_SANDBOX_READABLE",
        description="absolute paths, with commas between; directories of tools that tests may read besides /usr",
    )


class GitHubSettings(Part):
    """Who we are on GitHub."""

    app_id: int | None = Field(
        None, validation_alias="ONCEOVER_GITHUB_APP_ID", ge=1, description="a whole number from 1; the App's id"
    )
    private_key: SecretStr | None = Field(
        None, validation_alias=PRIVATE_KEY, description="a key in PEM form; signs as the App"
    )
    private_key_file: AbsolutePath | None = Field(
        None, validation_alias=f"{PRIVATE_KEY}_FILE", description="an absolute path; the file that holds that key"
    )
    webhook_secret: SecretStr | None = Field(
        None,
        validation_alias="ONCEOVER_GITHUB_WEBHOOK_SECRET",
        description="a text; proves that a delivery is GitHub's",
    )
    api_url: WebAddress = Field(
        "https://api.github.com",
        validation_alias="ONCEOVER_GITHUB_API_URL",
        description="an http:// or https:// address without user and password; another for GitHub Enterprise Server",
    )
    web_url: WebAddress | None = Field(
        None,
        validation_alias="ONCEOVER_GITHUB_WEB_URL",
        description="an http:// or https:// address without user and password; unset, it follows from that of the API",
    )
    write_interval_seconds: float = Field(
        1.0,
        validation_alias="ONCEOVER_GITHUB_WRITE_INTERVAL_SECONDS",
        ge=0,
        le=60,
        description="seconds, 0 to 60; the pause between two writes, for which GitHub asks for 1",
    )
    check_interval_seconds: float = Field(
        2.0,
        validation_alias="ONCEOVER_GITHUB_CHECK_INTERVAL_SECONDS",
        ge=0,
        le=60,
        description="seconds, 0 to 60; the pause between two pictures of a run in its check run",
    )


class TrustSettings(Part):
    """What our own processes know each other by."""

    secret_key: SecretKey | None = Field(
        None,
        validation_alias="ONCEOVER_SECRET_KEY",
        description="32 or more printable ASCII characters; seals what our processes hand each other through Redis",
    )


class WebSettings(Part):
    """Where the web process listens."""

    host: str = Field(
        "127.0.0.1",
        validation_alias="ONCEOVER_HOST",
        pattern=r"^[0-9A-Za-z.:\-]{1,253}$",
        description="a host name or an address; where to listen, this machine alone by default",
    )
    port: int = Field(
        8080,
        validation_alias="ONCEOVER_PORT",
        ge=0,
        le=65_535,
        description="a whole number, 0 to 65535; where to listen, 0 for any free port",
    )
    public_url: WebAddress | None = Field(
        None,
        validation_alias="ONCEOVER_PUBLIC_URL",
        description="an http:// or https:// address without user and password; where GitHub reaches the web process",
    )


class TelemetrySettings(Part):
    """What is told to those who watch."""

    log_format: Literal["console", "json"] = Field(
        "console", validation_alias="ONCEOVER_LOG_FORMAT", description="console or json; the form of the log on stderr"
    )
    sentry_dsn: SentryAddress | None = Field(
        None, validation_alias="SENTRY_DSN", description="https://key@host/project; where errors are reported"
    )
    otel_endpoint: WebAddress | None = Field(
        None,
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="an http:// or https:// address without user and password; where traces go",
    )


class Settings(BaseModel):
    """All settings; whoever needs some of them receives that part."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    storage: StorageSettings
    engine: EngineSettings = EngineSettings()
    model: ModelSettings = ModelSettings()
    review: ReviewSettings = ReviewSettings()
    trial: TrialSettings = TrialSettings()
    sandbox: SandboxSettings = SandboxSettings()
    github: GitHubSettings = GitHubSettings()
    trust: TrustSettings = TrustSettings()
    web: WebSettings = WebSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
