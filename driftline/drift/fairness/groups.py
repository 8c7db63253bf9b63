"""Who is compared with whom: protected attributes, their groups, and the group of each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from driftline.avro.layout import hash_texts
from driftline.drift.sqlmetrics.vectors import Texts, Vector
from driftline.events import Baseline, ColumnKind

__all__ = ["MAXIMUM_GROUPS", "PROTECTED", "Attribute", "Facet", "protected_attributes"]

MAXIMUM_GROUPS = 200
PROTECTED = ("age", "gender", "race", "location")
"""Columns that are protected wherever nobody says otherwise."""
_EDGES = {"age": (25.0, 40.0, 65.0)}
"""Where a protected number is cut wherever nobody says otherwise."""

Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Facet:
    """One column and how its values fall into groups: by name, or between edges where it is a number."""

    column: str
    values: tuple[str, ...] = ()
    """Of a column of texts; every other value is in no group."""
    edges: tuple[float, ...] = ()
    """Of a column of numbers, ascending: below the first, between two, from the last on."""

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups."""
        if not self.edges:
            return self.values
        between = (f"{low:g} to {high:g}" for low, high in pairwise(self.edges))
        return (f"under {self.edges[0]:g}", *between, f"{self.edges[-1]:g} and over")

    def codes(self, vector: Vector) -> Codes:
        """The group of each row; -1 where the value is NULL or in no group."""
        if isinstance(vector, Texts):
            known = hash_texts(self.values)
            order = np.argsort(known)
            place = np.searchsorted(known[order], vector.hashes).clip(max=len(known) - 1)
            found = (known[order][place] == vector.hashes) & vector.flags
            return np.where(found, order[place], -1).astype(np.int32)
        values = np.asarray(vector, np.float64)
        code = np.searchsorted(np.array(self.edges), values, side="right")
        return np.where(np.isnan(values), -1, code).astype(np.int32)


@dataclass(frozen=True)
class Attribute:
    """A protected attribute, or the crossing of several (sex by race), whose groups are compared."""

    name: str
    facets: tuple[Facet, ...]

    @staticmethod
    def of_texts(column: str, *values: str) -> Attribute:
        """A column of texts, its groups named."""
        return Attribute(column, (Facet(column, values=values),))

    @staticmethod
    def of_numbers(column: str, *edges: float) -> Attribute:
        """A column of numbers cut at edges, such as age at 25, 40 and 65."""
        return Attribute(column, (Facet(column, edges=edges),))

    @staticmethod
    def crossed(*attributes: Attribute) -> Attribute:
        """Every combination of the groups of some attributes."""
        name = " x ".join(attribute.name for attribute in attributes)
        return Attribute(name, tuple(facet for attribute in attributes for facet in attribute.facets))

    def __post_init__(self) -> None:
        for facet in self.facets:
            if bool(facet.values) == bool(facet.edges):
                message = f"attribute {self.name}: name the groups of {facet.column}, or the edges between them"
                raise ValueError(message)
            if list(facet.edges) != sorted(set(facet.edges)) or len(set(facet.values)) != len(facet.values):
                message = f"attribute {self.name}: edges of {facet.column} must rise, and its groups differ"
                raise ValueError(message)
        if not 2 <= len(self.groups) <= MAXIMUM_GROUPS:
            message = f"attribute {self.name} has {len(self.groups)} groups; 2 to {MAXIMUM_GROUPS} can be compared"
            raise ValueError(message)

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups, by code."""
        return tuple(" & ".join(names) for names in product(*(facet.groups for facet in self.facets)))

    def codes(self, columns: Mapping[str, Vector]) -> Codes:
        """The group of each row; -1 where it is in none. Raises KeyError for a column that is not there."""
        code: Codes | None = None
        for facet in self.facets:
            own = facet.codes(columns[facet.column])
            if code is None:
                code = own
            else:
                code = np.where((code < 0) | (own < 0), -1, code * len(facet.groups) + own).astype(np.int32)
        assert code is not None  # an attribute has a facet
        return code


def protected_attributes(baseline: Baseline, names: Sequence[str] = PROTECTED) -> tuple[Attribute, ...]:
    """The protected attributes among the columns of a baseline, each value that it knows a group.

    A number of which nobody said where to cut it is left out, and so is a column with one value or more than MAXIMUM_GROUPS.
    """
    found = []
    for column in baseline.columns:
        if column.name not in names:
            continue
        if column.kind is ColumnKind.CATEGORICAL and 2 <= len(column.categories) <= MAXIMUM_GROUPS:
            found.append(Attribute.of_texts(column.name, *column.categories))
        elif column.kind is ColumnKind.NUMERIC and column.name in _EDGES:
            found.append(Attribute.of_numbers(column.name, *_EDGES[column.name]))
    return tuple(found)
