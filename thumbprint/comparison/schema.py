"""What all of `report.json` is made of: frozen models that refuse unknown keys, and a value with its interval."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Strict: nothing is coerced, no unknown key, no NaN (JSON has none)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, protected_namespaces=())


class Estimate(Frozen):
    """A figure and its 95 % interval; `low` and `high` are null where too few users were measured for one."""

    value: float
    low: float | None
    high: float | None
