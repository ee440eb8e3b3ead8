"""Parameters of the stage checks."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.services.pull_request import PullParams


class Testing(BaseModel):
    """What the configuration says."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    source: Literal["checks", "sandbox", "none"] = "checks"
    wait_minutes_max: int = Field(30, ge=0)
    required_checks_only: bool = False


class Params(PullParams):
    """What this stage reads."""

    merge_base: str
    base_ref: str = ""
    testing: Testing = Testing()
