"""Logs: one line per event, secrets blacked out."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog

from driftline.runtime.logs import configure_logs


@pytest.fixture
def stream():
    return io.StringIO()


def test_json_lines_carry_service_level_and_fields(stream):
    configure_logs("drift", style="json", stream=stream)
    structlog.get_logger("x").info("assigned", partitions=4)
    line = json.loads(stream.getvalue())
    assert (line["event"], line["service"], line["level"], line["partitions"]) == ("assigned", "drift", "info", 4)


def test_other_libraries_lines_have_the_same_form(stream):
    configure_logs("drift", style="json", stream=stream)
    logging.getLogger("driftline.kafka").warning("broker %s is away", "b1")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["service"], line["logger"]) == ("broker b1 is away", "drift", "driftline.kafka")


@pytest.mark.parametrize("style", ["json", "text"])
def test_secrets_do_not_appear(stream, style):
    configure_logs("drift", style=style, stream=stream)
    token = "dl_0123456789ab_" + "s3cret" * 7
    structlog.get_logger("x").info(
        f"refused {token}", token="s3cret1", headers={"n": 1}, authorization="Bearer s3cret2", url="http://h/?token=s3cret3&n=1"
    )
    logging.getLogger("kafka").warning("sasl.password=s3cret4, Authorization: Bearer s3cret5")
    text = stream.getvalue()
    assert "s3cret" not in text
    assert "[redacted]" in text
    assert "n=1" in text


def test_lines_below_the_level_are_left_out(stream):
    configure_logs("drift", level="warning", stream=stream)
    structlog.get_logger("x").info("quiet")
    structlog.get_logger("x").error("loud")
    assert "quiet" not in stream.getvalue()
    assert "loud" in stream.getvalue()


def test_text_is_key_value_on_one_line(stream):
    configure_logs("drift", stream=stream)
    structlog.get_logger("x").error("failed", part="join", exc_info=ValueError("boom"))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1
    assert "part=join" in lines[0]
    assert "boom" in lines[0]
