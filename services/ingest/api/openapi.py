"""What the OpenAPI page says of the two doors; the bodies are read by hand, so their schemas are written by hand."""

from __future__ import annotations

from typing import Any

from driftline.errors import Reason

Document = dict[str, Any]

DESCRIPTION = """Predictions and labels by HTTP. An answer of 202 means that the broker has stored what was accepted; rows that were
refused are listed in `rejected` and stand among the dead letters. Repeat a request with the same `Idempotency-Key` after 429, 503 or
a broken connection: it is stored once."""

_ID = {"type": "string", "minLength": 1, "maxLength": 128, "description": "1 to 128 bytes of UTF-8"}
_TIME = {
    "description": "microseconds since 1970 UTC, or RFC 3339 with a zone; at most the monitor's tolerance ahead of now",
    "oneOf": [{"type": "integer", "format": "int64"}, {"type": "string", "format": "date-time"}],
}
_VALUE = {"type": ["number", "string", "boolean", "null"]}

PREDICTION: Document = {
    "type": "object",
    "required": ["model_id", "model_version", "prediction_id", "event_time"],
    "properties": {
        "model_id": _ID,
        "model_version": _ID,
        "prediction_id": {**_ID, "description": "unique within the model; labels join on it"},
        "event_time": _TIME,
        "prediction": {**_VALUE, "description": "class (string) or value (number), as the monitor's task has it"},
        "score": {"type": ["number", "null"], "minimum": 0, "maximum": 1, "description": "probability of the positive class"},
        "latency_ms": {"type": ["number", "null"]},
        "features": {"type": "object", "additionalProperties": _VALUE, "description": "feature values by name"},
    },
    "example": {
        "model_id": "shop.churn",
        "model_version": "3",
        "prediction_id": "order-1",
        "event_time": 1_790_000_000_000_000,
        "prediction": "yes",
        "score": 0.81,
        "features": {"tenure": 12.0, "contract": "monthly"},
    },
}
LABEL: Document = {
    "type": "object",
    "required": ["model_id", "prediction_id", "label_time", "label"],
    "properties": {
        "model_id": _ID,
        "prediction_id": _ID,
        "label_time": {**_TIME, "description": "when the outcome was known; " + _TIME["description"]},  # type: ignore[operator]
        "label": {"type": ["number", "string", "boolean"], "description": "true class (string) or value (number)"},
    },
    "example": {
        "model_id": "shop.churn",
        "prediction_id": "order-1",
        "label_time": 1_790_000_100_000_000,
        "label": "no",
    },
}
_REJECTED: Document = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "index": {"type": "integer", "description": "number of the event in the request, from 0"},
            "reason": {"type": "string", "enum": [reason.value for reason in Reason]},
            "field": {"type": "string"},
            "detail": {"type": "string", "description": "what is wrong and what to do"},
        },
    },
}
_ACCEPTED: Document = {
    "type": "object",
    "required": ["accepted", "rejected"],
    "properties": {"accepted": {"type": "integer"}, "rejected": _REJECTED},
}
_PROBLEMS = {
    "400": "the body is not JSON",
    "401": "no token, or one that is not known",
    "403": "the token lacks the role producer",
    "404": "the model has no monitor; see rejected",
    "409": "a request with this Idempotency-Key is being worked on",
    "413": "the body is larger than 10 MB",
    "422": "no event is good (see rejected), or the Idempotency-Key was used with another body",
    "429": "too much is waiting for the broker: try again after Retry-After",
    "503": "the broker does not acknowledge: repeat with the same Idempotency-Key after Retry-After",
}


def _operation(name: str, summary: str, event: Document) -> Document:
    many = {
        "type": "object",
        "required": ["events"],
        "properties": {"events": {"type": "array", "items": event, "minItems": 1}},
    }
    problems = {
        status: {"description": text, "content": {"application/problem+json": {"schema": {"type": "object"}}}}
        for status, text in _PROBLEMS.items()
    }
    return {
        "operationId": name,
        "tags": ["events"],
        "summary": summary,
        "security": [{"bearer": []}],
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
                "description": "a repeat with the same key and bytes gets the first answer and is stored once",
            }
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"oneOf": [event, many]}}}},
        "responses": {
            "202": {
                "description": "stored; `rejected` lists the events that were not",
                "content": {"application/json": {"schema": _ACCEPTED}},
            },
            **problems,
        },
    }


OPERATIONS = {
    "/v1/predictions": _operation("sendPredictions", "Send predictions, one or many", PREDICTION),
    "/v1/labels": _operation("sendLabels", "Send labels (true outcomes), one or many", LABEL),
}
SECURITY = {"bearer": {"type": "http", "scheme": "bearer", "description": "driftline token create --role producer"}}
