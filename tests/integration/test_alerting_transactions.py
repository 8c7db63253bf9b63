"""What Faust sees of transactions: by itself everything, with our transport only what was committed."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.integration

# A process of its own: Faust changes signal handlers and logging of the one that it runs in.
READER = """
import asyncio, sys, tempfile, time
from pathlib import Path
from faust.transport.drivers.aiokafka import Transport
from services.alerting.adapters.faust_app import FaustConsumer, ReadCommittedTransport

bootstrap, topic, kind = sys.argv[1:]
seen = []

async def handle(records):
    seen.extend(record.value.decode() for record in records)

def stopping():
    return "last" in seen or time.monotonic() > deadline

deadline = time.monotonic() + 60
transport = {"ours": ReadCommittedTransport, "plain": Transport}[kind]
with tempfile.TemporaryDirectory() as folder:
    reader = FaustConsumer(
        {"bootstrap.servers": bootstrap}, [topic], instance_id="1", data_dir=Path(folder), group=f"{topic}.{kind}", transport=transport
    )
    asyncio.run(reader.run(handle, stopping, lambda: None))
print(",".join(seen))
"""


def seen_by(kind, bootstrap, topic) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", READER, bootstrap, topic, kind],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().split(",")


def test_an_aborted_transaction_is_not_seen_though_faust_alone_sees_it(kafka, make_topic) -> None:
    topic = make_topic("drift-events")
    producer = kafka.cluster.transactional_producer(f"{topic}.writer")
    producer.init_transactions()
    for value, commit in ((b"first", True), (b"aborted", False), (b"last", True)):
        producer.begin()
        producer.produce(topic, value, key=b"m")
        producer.flush(10)
        if commit:
            producer.commit()
        else:
            producer.abort()
    producer.close()
    assert seen_by("ours", kafka.bootstrap, topic) == ["first", "last"]
    assert seen_by("plain", kafka.bootstrap, topic) == ["first", "aborted", "last"]
