"""From an Avro record schema to the plan of its columns: pure, no numba."""

from __future__ import annotations


class UnsupportedSchema(ValueError):
    """The schema has a shape that the columnar decoder does not take: read it row by row (fastavro) or change it.

    Taken: a record of null, boolean, int, long, float, double, string, bytes, enum and fixed; unions of these;
    maps and arrays of these or of such unions, also nullable; records inside records, not nullable.
    Logical types are ignored: the raw value is what the column holds.
    """
