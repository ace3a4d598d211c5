"""What all settings files share: strict models, bounded numbers, and how a TOML file is read."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

_LARGEST_FLOAT = 1e30  # they become float32
_LARGEST_INTEGER = 2**31 - 1  # they become int32
Positive = Annotated[float, Field(gt=0, le=_LARGEST_FLOAT, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, le=_LARGEST_FLOAT, allow_inf_nan=False)]
Coefficient = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]
_MOST_FAULTS = 10
"""Most faults of a file in one message."""


class Strict(BaseModel):
    """Settings that cannot be changed, and have no keys but their own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*")
    @classmethod
    def _fits_into_int32(cls, value: Any) -> Any:
        if isinstance(value, int) and value > _LARGEST_INTEGER:
            raise ValueError(f"Input should be less than or equal to {_LARGEST_INTEGER:,}")
        return value


Settings = TypeVar("Settings", bound=Strict)


def read_settings(path: Path, kind: type[Settings], error: type[ValueError]) -> Settings:
    """Reads settings from a TOML file.

    Raises:
        error: the file does not exist, is not valid TOML, or has an unknown key or an unusable value. The message names
            the keys.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as fault:
        raise error(f"{path} does not exist: give the path of a job file") from fault
    except OSError as fault:
        raise error(f"cannot read {path}: {fault.strerror}") from fault
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise error(f"{path} is not valid TOML: {fault}") from fault
    try:
        return kind.model_validate(content)
    except ValidationError as fault:
        faults = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in fault.errors()[:_MOST_FAULTS])
        raise error(f"{path}: {'; '.join(faults)}") from fault
