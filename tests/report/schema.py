"""Checks JSON against the schema in the package; raises ValidationError if it does not fit."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema

import dissector.report

PLACE = Path(dissector.report.__file__).with_name("schema_v1.json")


@functools.cache
def _validator(part: str) -> jsonschema.Draft202012Validator:
    schema = json.loads(PLACE.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(
        {"$ref": f"#/$defs/{part}", "$defs": schema["$defs"]},
        format_checker=jsonschema.FormatChecker(),
    )


def check_document(document: Any) -> None:
    _validator("document").validate(document)


def check_line(line: Any) -> None:
    _validator("line").validate(line)


def check_audit_document(document: Any) -> None:
    _validator("auditDocument").validate(document)


def check_audit_line(line: Any) -> None:
    _validator("auditLine").validate(line)
