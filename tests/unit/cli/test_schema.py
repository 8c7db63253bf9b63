"""driftline schema: a writer schema is checked before anybody relies on it."""

import json

import pytest

from driftline import codec
from driftline.cli.schema import read_schema
from driftline.errors import ConfigurationError

SCHEMA = {
    "type": "record",
    "name": "Churn",
    "fields": [
        {"name": "model_id", "type": "string"},
        {"name": "model_version", "type": "string"},
        {"name": "prediction_id", "type": "string"},
        {"name": "event_time", "type": "long"},
        {"name": "tenure", "type": ["null", "double"]},
    ],
}


def write(tmp_path, schema):
    path = tmp_path / "churn.avsc"
    path.write_text(schema if isinstance(schema, str) else json.dumps(schema), encoding="utf-8")
    return path


def test_a_good_schema_gets_the_fingerprint_that_its_messages_carry(tmp_path):
    registered = read_schema(write(tmp_path, SCHEMA))
    assert int(registered.fingerprint, 16).to_bytes(8, "little") == codec.header(SCHEMA)[2:]
    assert json.loads(registered.schema) == SCHEMA


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ("{", "cannot read"),
        ([1], "lacks the field"),
        ({**SCHEMA, "fields": SCHEMA["fields"][1:]}, "model_id"),
        ({**SCHEMA, "name": "Prediction"}, "another name"),
        ({**SCHEMA, "fields": [*SCHEMA["fields"], {"name": "x", "type": "nonsense"}]}, "cannot be read by Driftline"),
    ],
)
def test_a_bad_schema_is_refused_with_its_fault(tmp_path, schema, says):
    with pytest.raises(ConfigurationError, match=says):
        read_schema(write(tmp_path, schema))
