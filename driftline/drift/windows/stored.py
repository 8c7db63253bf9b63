"""How the state of stage 2 is written: one JSON object per key, the same bytes for the same state."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from driftline.codec import decode, encode
from driftline.drift.calibration.state import Past, Sequences, Terms
from driftline.drift.detectors import stored as detectors
from driftline.drift.episodes import Episode, EpisodeKey
from driftline.drift.profile import Layout
from driftline.drift.windows.calendar import Span
from driftline.drift.windows.clock import Clock, Seen
from driftline.drift.windows.panes import PaneKey, Panes, Series, StoredPane
from driftline.drift.windows.ranges import Head, Source
from driftline.drift.windows.state import Cursor, Key, Metered, Model, Remembered, Side, State
from driftline.drift.windows.window import Before, Figure, Held, Window, WindowKey
from driftline.events import ClosedBy, Group, Measure, Part, Reference

__all__ = ["LayoutOf", "MalformedState", "key_bytes", "key_of", "restore", "take_changes"]

HOT_PANES = 4096
"""Decoded panes held at most between two transactions: about 10 kB each at 20 columns, ten times less encoded."""
Body = dict[str, Any]
LayoutOf = Callable[[str, int], Layout]
"""The layout of a (model_id, monitor_version)."""


class MalformedState(ValueError):
    """A state that this version cannot read: the topic `states` was written by something else."""


def key_bytes(key: Key) -> bytes:
    """Return the record key of a state."""
    return _json(list(key))


def key_of(data: bytes) -> Key:
    """Return the state that a record key names."""
    return tuple(json.loads(data))


def take_changes(state: State) -> list[tuple[Key, bytes | None]]:
    """Return what changed since the last call, None for what is gone; from now on it counts as stored."""
    changes = [(key, None if body is None else _json(body)) for key in state.unsaved for body in (_body(state, key),)]
    state.unsaved.clear()
    if sum(model.panes.hot for model in state.models.values()) > HOT_PANES:
        for model in state.models.values():
            model.panes.cool()
    return changes


def restore(entries: Iterable[tuple[Key, bytes]], layout_of: LayoutOf) -> State:
    """Build the state from its stored parts, in any order. Raises MalformedState naming the key."""
    state = State()
    for key, data in entries:
        try:
            _READERS[str(key[0])](state, key, json.loads(data), layout_of)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise MalformedState(f"the state {key} cannot be read: {error!r}") from error
    return state


def model_of(state: State, model_id: str, layout_of: LayoutOf) -> Model:
    """Return what is remembered of a model, which begins if there is nothing."""
    model = state.models.get(model_id)
    if model is None:
        model = Model(model_id, Panes(lambda version: layout_of(model_id, version)))
        state.models[model_id] = model
    return model


_ENCODER = json.JSONEncoder(separators=(",", ":"), sort_keys=True)


def _json(value: Any) -> bytes:
    return _ENCODER.encode(value).encode()


def _body(state: State, key: Key) -> Body | None:
    kind, *rest = key
    if kind == "cursor":
        cursor = state.cursor
        return {**asdict(cursor), "calm": _by_group(cursor.calm), "calm_until": _by_group(cursor.calm_until)}
    if kind == "heads":
        heads = [[*source, *_fields(head)] for source, head in state.heads.items() if source.group == rest[0]]
        return {"heads": sorted(heads)}
    if kind == "stalled":
        return {"sources": sorted([*source, since] for source, since in state.stalled.items())}
    model = state.models[str(rest[0])]
    return _MODEL_BODIES[str(kind)](model, rest[1:])


def _model_body(model: Model, _: list[Any]) -> Body:
    return {
        "since": model.since,
        "inputs": _fields(model.inputs),
        "labels": _fields(model.labels),
        "seen": sorted([*source, *_fields(seen)] for source, seen in model.seen.items()),
        "doubts": sorted(list(source) for source in model.doubts),
        "doubtful_until": model.doubtful_until,
        "acknowledged": model.acknowledged,
        "governed": model.governed,
        "governed_labels": model.governed_labels,
        "reported_at": model.reported_at,
        "reported": model.reported,
        "late_after_final": model.late_after_final,
        "checked": model.checked,
        "check_started": model.check_started,
        "check_failed": model.check_failed,
        "requests": {name: b64encode(encode(request)).decode() for name, request in model.requests.items()},
    }


def _pane_body(model: Model, rest: list[Any]) -> Body | None:
    stored = model.panes.stored(Series(*rest[:2]), PaneKey(*rest[2:]))
    if stored is None:
        return None
    cells, sums = b64encode(stored.cells).decode(), b64encode(stored.sums).decode()
    metrics = None if stored.metrics is None else b64encode(stored.metrics).decode()
    return {"monitor_version": stored.monitor_version, "rows": stored.rows, "cells": cells, "sums": sums, "metrics": metrics}


def _window_body(model: Model, rest: list[Any]) -> Body | None:
    window = model.windows.get(WindowKey(*rest))
    if window is None:
        return None
    body = {name: getattr(window, name) for name in _WINDOW_FIELDS}
    detected, past = [asdict(measure) for measure in window.detected], [_before_body(before) for before in window.past]
    held = {side.value: [found.previous, found.bands] for side, found in window.held.items()}
    return {**body, "detected": detected, "held": held, "terms": _terms_body(window.terms), "past": past}


def _before_body(before: Before) -> list[Any]:
    counts = b64encode(before.cells).decode(), b64encode(before.sums).decode()
    return [before.reference.value, *before.span, before.rows, *counts, _terms_body(before.terms)]


def _terms_body(terms: Terms | None) -> str | None:
    return None if terms is None else terms.to_bytes().decode()


def _episode_body(model: Model, rest: list[Any]) -> Body | None:
    episode = model.episodes.get(EpisodeKey(*rest))
    return None if episode is None else asdict(episode)


def _detector_body(model: Model, rest: list[Any]) -> Body | None:
    version, slice_name, granularity, family, column, kind = rest
    detector = model.detectors.get((version, slice_name, granularity, family, column, kind))
    return None if detector is None else {"state": b64encode(detector.to_bytes()).decode()}


def _alpha_body(model: Model, rest: list[Any]) -> Body | None:
    return {"sequences": model.alphas[rest[0], rest[1]].to_bytes().decode()}


def _past_body(model: Model, rest: list[Any]) -> Body | None:
    found = model.pasts.get((rest[0], rest[1], rest[2], Side(rest[3])))
    return None if found is None else {"layout": found.layout, "past": found.past.to_bytes().decode()}


def _metered_body(model: Model, rest: list[Any]) -> Body | None:
    found = model.metered.get((rest[0], rest[1], rest[2], Side(rest[3])))
    if found is None:
        return None
    past = [[*key, list(values)] for key, values in sorted(found.past.items())]
    return {"layout": found.layout, "end": found.end, "values": found.values, "past": past}


_WINDOW_FIELDS = tuple(name for name in Window.__slots__ if name not in ("key", "detected", "held", "terms", "past"))
_MODEL_BODIES: Mapping[str, Callable[[Model, list[Any]], Body | None]] = {
    "model": _model_body,
    "pane": _pane_body,
    "window": _window_body,
    "episode": _episode_body,
    "detector": _detector_body,
    "alpha": _alpha_body,
    "past": _past_body,
    "metered": _metered_body,
}


def _fields(value: Any) -> list[Any]:
    return [getattr(value, name) for name in value.__slots__]


def _by_group(values: Mapping[Group, int]) -> dict[str, int]:
    return {group.value: value for group, value in values.items()}


def _read_cursor(state: State, _: Key, body: Body, __: LayoutOf) -> None:
    groups = {name: {Group(group): int(at) for group, at in body[name].items()} for name in ("calm", "calm_until")}
    state.cursor = Cursor(**{**body, **groups})


def _read_heads(state: State, _: Key, body: Body, __: LayoutOf) -> None:
    state.heads.update({_source(head): Head(*head[3:]) for head in body["heads"]})


def _read_stalled(state: State, _: Key, body: Body, __: LayoutOf) -> None:
    state.stalled = {_source(entry): entry[3] for entry in body["sources"]}


def _read_model(state: State, key: Key, body: Body, layout_of: LayoutOf) -> None:
    model = model_of(state, str(key[1]), layout_of)
    for name, value in body.items():
        setattr(model, name, value)
    model.inputs, model.labels = Clock(*body["inputs"]), Clock(*body["labels"])
    model.seen = {_source(entry): Seen(*entry[3:]) for entry in body["seen"]}
    model.doubts = frozenset(map(_source, body["doubts"]))
    model.requests = {name: decode(b64decode(request)) for name, request in body.get("requests", {}).items()}


def _read_pane(state: State, key: Key, body: Body, layout_of: LayoutOf) -> None:
    _, model_id, version, slice_name, start, end, part, layout = key
    pane = PaneKey(int(start), int(end), Part(str(part)), str(layout))
    metrics = b64decode(body["metrics"]) if body.get("metrics") else None
    stored = StoredPane(body["monitor_version"], body["rows"], b64decode(body["cells"]), b64decode(body["sums"]), metrics)
    model_of(state, str(model_id), layout_of).panes.restore(Series(str(version), str(slice_name)), pane, stored)


def _read_window(state: State, key: Key, body: Body, layout_of: LayoutOf) -> None:
    _, model_id, end, granularity, version, slice_name, start = key
    name = WindowKey(int(end), str(granularity), str(version), str(slice_name), int(start))
    closed_by = None if body["closed_by"] is None else ClosedBy(body["closed_by"])
    detected = tuple(Measure(**measure) for measure in body["detected"])
    held = {
        Side(side): Held(tuple(Figure(*figure) for figure in previous), tuple(map(tuple, bands)))
        for side, (previous, bands) in body.get("held", {}).items()
    }
    past = tuple(_before(entry) for entry in body.get("past", ()))
    read = {
        "key": name,
        "closed_by": closed_by,
        "detected": detected,
        "held": held,
        "terms": _terms(body["terms"]),
        "past": past,
    }
    model_of(state, str(model_id), layout_of).windows[name] = Window(**{**body, **read})


def _before(entry: list[Any]) -> Before:
    reference, start, end, rows, cells, sums, terms = entry
    return Before(Reference(reference), Span(start, end), rows, b64decode(cells), b64decode(sums), _terms(terms))


def _terms(text: str | None) -> Terms | None:
    return None if text is None else Terms.from_bytes(text.encode())


def _read_episode(state: State, key: Key, body: Body, layout_of: LayoutOf) -> None:
    _, model_id, version, slice_name, granularity, kind, reference = map(str, key)
    name = EpisodeKey(version, slice_name, granularity, kind, Reference(reference))
    failing = tuple((column, measure) for column, measure in body["failing"])
    model_of(state, model_id, layout_of).episodes[name] = Episode(**{**body, "failing": failing})


def _read_detector(state: State, key: Key, body: Body, layout_of: LayoutOf) -> None:
    _, model_id, version, slice_name, granularity, family, column, kind = map(str, key)
    detector = detectors.restore(b64decode(body["state"]))
    model_of(state, model_id, layout_of).detectors[version, slice_name, granularity, family, column, kind] = detector


def _read_alpha(state: State, key: Key, body: Body, layout_of: LayoutOf) -> None:
    _, model_id, granularity, tested = map(str, key)
    sequences = Sequences.from_bytes(body["sequences"].encode())
    model_of(state, model_id, layout_of).alphas[granularity, tested] = sequences


def _read_past(state: State, key: Key, body: Body, layout_of: LayoutOf) -> None:
    _, model_id, version, slice_name, granularity, side = map(str, key)
    found = Remembered(body["layout"], Past.from_bytes(body["past"].encode()))
    model_of(state, model_id, layout_of).pasts[version, slice_name, granularity, Side(side)] = found


def _read_metered(state: State, key: Key, body: Body, layout_of: LayoutOf) -> None:
    _, model_id, version, slice_name, granularity, side = map(str, key)
    past = {(name, column): tuple(values) for name, column, values in body["past"]}
    found = Metered(body["layout"], body["end"], tuple(Figure(*figure) for figure in body["values"]), past)
    model_of(state, model_id, layout_of).metered[version, slice_name, granularity, Side(side)] = found


def _source(entry: list[Any]) -> Source:
    return Source(Group(entry[0]), entry[1], entry[2])


_READERS: Mapping[str, Callable[[State, Key, Body, LayoutOf], None]] = {
    "cursor": _read_cursor,
    "heads": _read_heads,
    "stalled": _read_stalled,
    "model": _read_model,
    "pane": _read_pane,
    "window": _read_window,
    "episode": _read_episode,
    "detector": _read_detector,
    "alpha": _read_alpha,
    "past": _read_past,
    "metered": _read_metered,
}
