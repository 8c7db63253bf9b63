"""`driftline dead-letters`: list, show and replay what could not be counted."""

import getpass
import os
import uuid
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from driftline import codec, topics
from driftline.cli.console_output import Bootstrap, Json, cluster, moment, print_json, print_table, readable
from driftline.cli.reading import read_all
from driftline.clock import SystemClock
from driftline.errors import ConfigurationError, InvalidRecord, Reason, UnknownSchema
from driftline.events import DeadLetter
from driftline.kafka.ports import Cluster, Message
from driftline.runtime.dead_letters import REPLAYED, replay_note, replay_record
from driftline.wording import amount

app = typer.Typer(no_args_is_help=True)

Place = Annotated[str, typer.Argument(metavar="PARTITION/OFFSET", help="Where the letter lies, as `list` shows it.")]
ReasonFilter = Annotated[Reason | None, typer.Option("--reason", help="Only letters with this reason.")]
Model = Annotated[str | None, typer.Option("--model", help="Only letters of this model.")]

_REPLAY_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter and where it lies; `replayed`: a note says that it was."""

    place: str
    letter: DeadLetter
    replayed: bool


@app.callback()
def _dead_letters() -> None:
    """List, show and replay what could not be counted."""


@app.command(name="list")
def list_letters(
    *,
    reason: ReasonFilter = None,
    model: Model = None,
    limit: Annotated[int, typer.Option(help="Show only the last so many.", min=1)] = 100,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """List dead letters, oldest first; exit 1 if there is one that was not replayed."""
    found = _matching(read_letters(cluster(bootstrap)), reason, model)
    shown = found[-limit:]
    if as_json:
        print_json([_view(one) for one in shown])
    else:
        print_table(
            ["place", "appended", "reason", "model", "from", "rows", "replayed"],
            [
                (
                    one.place,
                    moment(one.letter.source_time),
                    one.letter.reason,
                    one.letter.model_id or "-",
                    f"{one.letter.source_topic}/{one.letter.source_partition}/{one.letter.source_offset}",
                    len(one.letter.rows) or "all",
                    "yes" if one.replayed else "no",
                )
                for one in shown
            ],
        )
        counts = Counter(one.letter.reason for one in found if not one.replayed)
        typer.echo(f"{amount(len(found), 'dead letter')}; not replayed: {dict(sorted(counts.items())) or 'none'}")
    raise typer.Exit(1 if any(not one.replayed for one in found) else 0)


@app.command()
def show(place: Place, *, bootstrap: Bootstrap = None, as_json: Json = False) -> None:
    """Show one letter in full, with what its bytes say where they can be read."""
    one = _find(read_letters(cluster(bootstrap)), place)
    view = {**_view(one), "content": _content(one.letter)}
    if as_json:
        print_json(view)
        return
    for name, value in view.items():
        typer.echo(f"{name:16} {value}")


@app.command()
def replay(
    place: Annotated[str | None, typer.Argument(metavar="[PARTITION/OFFSET]", help="Only this letter.")] = None,
    *,
    reason: ReasonFilter = None,
    model: Model = None,
    again: Annotated[bool, typer.Option("--again", help="Also those that were replayed before: they may count twice.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be replayed.")] = False,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Send letters again to the topic and partition they came from; what is still wrong comes back as a new letter.

    Name a letter, or choose by --reason or --model. Exit 1 if some could not be replayed (they never were a record of a topic).
    """
    if place is None and reason is None and model is None:
        raise ConfigurationError("say which: PARTITION/OFFSET, --reason or --model")
    kafka = cluster(bootstrap)
    letters = read_letters(kafka)
    chosen = [_find(letters, place)] if place is not None else _matching(letters, reason, model)
    fresh = [one for one in chosen if again or not one.replayed]
    able = [one for one in fresh if _replayable(one.letter)]
    if not dry_run:
        _send(kafka, able)
    unable = [one.place for one in fresh if not _replayable(one.letter)]
    if as_json:
        result = {"replayed": [one.place for one in able], "skipped": len(chosen) - len(fresh), "unable": unable}
        print_json({**result, "dry_run": dry_run})
    else:
        typer.echo(f"{'would replay' if dry_run else 'replayed'} {len(able)}, {len(chosen) - len(fresh)} were replayed before")
        for one in unable:
            typer.echo(f"{one} cannot be replayed: its bytes never were a record of a topic; send it again by HTTP", err=True)
    raise typer.Exit(1 if unable else 0)


def read_letters(kafka: Cluster) -> list[Letter]:
    """Read every letter that is kept, oldest first, and which of them have been replayed.

    Raises KafkaUnavailable if the topic cannot be read to its end.
    """
    found: list[tuple[int, str, DeadLetter]] = []
    replayed: set[str] = set()
    for message in read_all(kafka, topics.name("dead-letters")):
        note = next((value for name, value in message.headers() or () if name == REPLAYED), None)
        if note is not None:
            replayed.add(note.decode("ascii", "replace"))
            continue
        event = _decode(message)
        if event is not None:
            found.append((message.timestamp()[1], f"{message.partition()}/{message.offset()}", event))
    found.sort(key=lambda item: item[0])
    return [Letter(place, event, place in replayed) for _, place, event in found]


def _decode(message: Message) -> DeadLetter | None:
    try:
        event = codec.decode(message.value() or b"")
    except (InvalidRecord, UnknownSchema) as error:
        typer.echo(f"{message.partition()}/{message.offset()} is no dead letter: {error}", err=True)
        return None
    return event if isinstance(event, DeadLetter) else None


def _matching(letters: list[Letter], reason: Reason | None, model: str | None) -> list[Letter]:
    return [
        one
        for one in letters
        if (reason is None or one.letter.reason == reason.value) and (model is None or one.letter.model_id == model)
    ]


def _find(letters: list[Letter], place: str) -> Letter:
    for one in letters:
        if one.place == place:
            return one
    raise ConfigurationError(f"no dead letter lies at {place}; `driftline dead-letters list` shows where they lie")


def _replayable(letter: DeadLetter) -> bool:
    """Whether the bytes were a record: what HTTP refused may be JSON that no consumer would read."""
    if letter.source_partition >= 0:
        return True
    try:
        codec.split(letter.source_value or b"")
    except InvalidRecord:
        return False
    return True


def _send(kafka: Cluster, letters: list[Letter]) -> None:
    """Replay and note it, in one transaction for each chunk."""
    if not letters:
        return
    producer = kafka.transactional_producer(f"driftline-replay-{uuid.uuid4()}")
    producer.init_transactions()
    now, actor, source = SystemClock().now_us(), _actor(), topics.name("dead-letters")
    for begin in range(0, len(letters), _REPLAY_CHUNK):
        producer.begin()
        for one in letters[begin : begin + _REPLAY_CHUNK]:
            records = (
                replay_record(one.letter, at=f"{source}/{one.place}"),
                replay_note(one.letter, place=one.place, now=now, actor=actor),
            )
            for record in records:
                producer.produce(record.topic, record.value, key=record.key, headers=record.headers, partition=record.partition)
        producer.commit()
    producer.close()


def _actor() -> str:
    try:
        return os.environ.get("DRIFTLINE_ACTOR") or getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _view(one: Letter) -> dict[str, object]:
    letter = asdict(one.letter)
    letter["source_key"] = readable(one.letter.source_key)
    letter["source_value"] = None if one.letter.source_value is None else one.letter.source_value.hex()
    letter["source_headers"] = {h.name: readable(h.value) for h in one.letter.source_headers}
    return {"place": one.place, "replayed": one.replayed, **letter}


def _content(letter: DeadLetter) -> object:
    try:
        event = codec.decode(letter.source_value or b"")
    except (InvalidRecord, UnknownSchema) as error:
        return f"(not readable: {error})"
    return {"event": type(event).__name__, **asdict(event)}
