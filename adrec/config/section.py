"""What a section of `params.yaml` is, and how plain values are checked against it.

A section refuses unknown and missing keys and values out of bounds, in one sentence. Whole floats become ints
(Kubeflow hands every number over as a float, so 3 arrives as 3.0); 3.5 epochs are refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section of `params.yaml`; its name there is the class name in lower case."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    @classmethod
    def key(cls) -> str:
        """The section's key in `params.yaml`."""
        return cls.__name__.lower()

    def as_dict(self) -> dict[str, Any]:
        """Plain values again, as `params.yaml` holds them."""
        values: dict[str, Any] = TypeAdapter(type(self)).dump_python(self, mode="json")
        return values


SectionT = TypeVar("SectionT", bound=Section)


def parse(section: type[SectionT], values: Mapping[str, Any]) -> SectionT:
    """Check `values` against `section`.

    Raises:
        ValueError: a key is unknown or missing, or a value is of the wrong type or out of bounds.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"params: {section.key()} must be a mapping of keys to values, not {values!r}")
    try:
        return TypeAdapter(section).validate_python(dict(values))
    except ValidationError as error:
        raise ValueError("; ".join(_sentence(section, detail) for detail in error.errors())) from None


def _sentence(section: type[Section], detail: Any) -> str:
    """One pydantic error as a sentence that names the key, the value and the bound."""
    where = ".".join(str(part) for part in (section.key(), *detail["loc"]))
    if detail["type"] == "unexpected_keyword_argument":
        known = ", ".join(field.name for field in fields(section))
        return f"params: {where} is unknown; {section.key()} has {known}"
    if detail["type"] in ("missing", "missing_argument"):
        return f"params: {where} is missing"
    reason = detail["msg"].removeprefix("Value error, ")
    if not detail["loc"]:
        return f"params: {reason}"
    return f"params: {where} = {detail['input']!r}: {reason[0].lower()}{reason[1:]}"
