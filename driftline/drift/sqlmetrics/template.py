"""The {{parameters}} of a definition. No template engine: five words are known, and nothing else in braces is taken.

`{{label_col}}` becomes the identifier `__label_col__`, which is as long, so that every later position is still that of the
text that was written.
"""

from __future__ import annotations

import re

from driftline.drift.sqlmetrics.errors import Fault

__all__ = ["BASE", "CURRENT", "INPUT_COLUMN", "LABEL_COLUMN", "PREDICTION_COLUMN", "render"]

PREDICTION_COLUMN, LABEL_COLUMN, INPUT_COLUMN = "__prediction_col__", "__label_col__", "__input_column__"
CURRENT, BASE = "__current_df__", "__base_df__"
_KNOWN = (PREDICTION_COLUMN, LABEL_COLUMN, INPUT_COLUMN, CURRENT, BASE)
_PARAMETER = re.compile(r"\{\{[ \t]*([A-Za-z_]\w*)[ \t]*\}\}")


def render(text: str) -> str:
    """The text with each parameter as an identifier, of the same length. Raises Fault for anything else in braces."""

    def place(match: re.Match[str]) -> str:
        name = f"__{match[1]}__"
        if name not in _KNOWN:
            known = ", ".join(f"{{{{{each.strip('_')}}}}}" for each in _KNOWN)
            raise Fault(f"{match[0]} is no parameter; known are {known}", match.start())
        return name.ljust(len(match[0]))

    rendered = _PARAMETER.sub(place, text)
    brace = re.search(r"[{}]", rendered)
    if brace:
        raise Fault("a brace that belongs to no {{parameter}}; templates have parameters only, take it out", brace.start())
    return rendered
