"""Settings of the engine: every limit, time-out and cap that holds for a run, with its reason."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Times in seconds, sizes in bytes."""

    prefix: str = "onceover:"
    """All keys begin with it, so that several installations may share one Redis."""
    lease_seconds: float = 30.0
    """A worker that is silent this long loses its runs."""
    heartbeat_seconds_max: float = 1.0
    """Renewal happens at a third of the lease, and at least this often, so that a cancel is noticed soon."""
    sweep_seconds: float = 1.0
    """How often each worker looks for what nobody looks after."""
    grace_seconds: float = 1.0
    """How long a worker may take to claim what it was offered, or to answer a wake-up, before it is tried again."""
    retention_seconds: float = 30 * 86_400.0
    """A finished run is kept this long."""
    run_seconds_max: float = 6 * 3_600.0
    """A run that is not done by then ends with what it has."""
    checkpoint_bytes_max: int = 16 * 2**20
    """Size of one checkpoint; Redis would take 512 MB, a reader would not."""
    step_bytes_max: int = 8 * 2**20
    """Size of one step's result."""
    signal_bytes_max: int = 65_536
    """Size of what a signal carries; it is a wake-up, not a message."""
    steps_max: int = 5_000
    """Steps of one stage attempt; a loop that reaches it is broken."""
    error_characters_max: int = 2_000
    """Length of a stored error message, next step or decision."""
    runs_at_once_max: int = 10
    """Runs that one worker moves at the same time."""
    away_seconds_max: float = 60.0
    """How long a worker holds on to its work while Redis is away."""
    away_pause_seconds: float = 0.1
    """Time between two looks whether Redis is back."""
    drain_seconds_max: float = 30.0
    """How long a worker that was asked to stop may finish the steps under way."""
    overrun_seconds_max: float = 10.0
    """How long after its deadline a stage may still be ending; then it is failed from outside, and fenced."""
    delivery_seconds: float = 8 * 86_400.0
    """A delivery's id is kept this long; GitHub delivers again for 3 days, Enterprise Server for 7."""
    effects_seconds: float = 400 * 86_400.0
    """What was written outside is remembered this long after a subject's last write; then its marker is looked for."""
    mirror_seconds_max: float = 60.0
    """How long showing one picture of a run may take, before another process is asked to."""
    owner_seconds_max: float = 86_400.0
    """A process that has not been heard of for so long is forgotten; its leases ran out long before."""
    expire_at_once_max: int = 20
    """Expired runs that one sweep drops."""

    @property
    def heartbeat_seconds(self) -> float:
        """Time between two renewals of a lease."""
        return min(self.lease_seconds / 3, self.heartbeat_seconds_max)
