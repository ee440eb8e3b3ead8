"""Fingerprint: the name of a value, the same in every process and version of Python.

Promises that equal JSON values have equal fingerprints, whatever the order of their keys. SHA-256, cut to 128 bits:
no two different inputs of one installation will ever meet (a collision is expected after 2^64 of them).
"""

import hashlib
import json
from typing import Final

from pipeline.engine.stage import JsonValue

HEX_DIGITS: Final = 32
"""128 bits."""


def canonical_json(value: JsonValue) -> str:
    """Write a value as JSON in its one form: sorted keys, no spaces, ASCII only.

    Raises:
        ValueError: It holds NaN, an infinity or a cycle.
        TypeError: It is no JSON value.
    """
    return _ENCODER.encode(value)


def fingerprint(*parts: JsonValue) -> str:
    """Name the parts by their content: 32 hex digits."""
    texts = ",".join(canonical_json(part) for part in parts)
    return hashlib.sha256(f"[{texts}]".encode("ascii")).hexdigest()[:HEX_DIGITS]


_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
