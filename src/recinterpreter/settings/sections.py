"""Settings as stages receive them: frozen typed sections, a line of JSON on the way.

The whole of config.yaml is in `experiment`, its checks in `configuration`. No stage needs those,
so a key that a stage does not read can come and go without making its results stale.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Slug = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]


class Section(BaseModel):
    """A block of config.yaml: frozen, every key required, no key but these, no silent casts."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)

    def as_json(self) -> str:
        """One line of JSON with sorted keys: how a stage is handed its settings."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), sort_keys=True)


def shared(block: Section, stage: type[Section]) -> dict[str, Any]:
    """Return what a block of config.yaml says of the keys that a stage receives."""
    return {k: getattr(block, k) for k in stage.model_fields if k in type(block).model_fields}
