"""Rows of a CSV or Parquet file, a batch at a time, in memory that does not grow with the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from driftline.drift.baseline import NULLS
from driftline.errors import ConfigurationError

__all__ = ["Kinds", "Table", "open_table", "plain"]

BLOCK_BYTES = 16 << 20
BATCH_ROWS = 131_072

Kinds = Mapping[str, pa.DataType]


@dataclass(frozen=True, slots=True)
class Table:
    """A file that was looked at: its columns as they seem from the first rows, not yet its content."""

    path: Path
    columns: Kinds
    """Type of each column: float64 for numbers, string for text and truth values, else what Arrow makes of it."""
    size_bytes: int

    def batches(self, kinds: Kinds) -> Iterator[tuple[pa.RecordBatch, float]]:
        """The named columns of all rows, each as the type given; with each batch, the share of the file read by then.

        Raises ConfigurationError for a file that ends early, a row with too many fields or a value that is not of its
        column's type, naming the row.
        """
        read = self._csv(kinds) if _is_csv(self.path) else self._parquet(kinds)
        try:
            yield from read
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise ConfigurationError(f"{self.path}: {_reason(error)}") from error

    def _csv(self, kinds: Kinds) -> Iterator[tuple[pa.RecordBatch, float]]:
        with pa.OSFile(str(self.path)) as source, _reader(source, kinds) as reader:
            for batch in reader:
                yield batch, min(1.0, source.tell() / max(self.size_bytes, 1))

    def _parquet(self, kinds: Kinds) -> Iterator[tuple[pa.RecordBatch, float]]:
        with pyarrow.parquet.ParquetFile(self.path) as file:
            rows, done = max(file.metadata.num_rows, 1), 0
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=list(kinds)):
                done += batch.num_rows
                cast = [_cast(batch.column(name), kind) for name, kind in kinds.items()]
                yield pa.record_batch(cast, names=list(kinds)), done / rows

    def moments(self, name: str) -> pa.DataType:
        """What a column of times is read as: as it stands, in CSV as text, so that what is no time can be counted."""
        return pa.string() if _is_csv(self.path) else self.columns[name]


def open_table(path: Path) -> Table:
    """Look at the head of a file. Raises ConfigurationError for one that is missing, empty or of another kind."""
    if not path.is_file():
        raise ConfigurationError(f"{path} is no file; name a CSV file with a header line, or a Parquet file")
    try:
        schema = _csv_schema(path) if _is_csv(path) else pyarrow.parquet.read_schema(path)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from error
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ConfigurationError(f"{path} is neither CSV in UTF-8 with a header line nor Parquet: {_reason(error)}") from error
    if len(set(schema.names)) < len(schema.names):
        twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
        raise ConfigurationError(f"{path} has several columns named {', '.join(twice)}; rename them")
    return Table(path, {field.name: plain(field.type) for field in schema}, path.stat().st_size)


def _is_csv(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) != b"PAR1"


def _reader(source: pa.NativeFile, kinds: Kinds | None) -> pyarrow.csv.CSVStreamingReader:
    convert = pyarrow.csv.ConvertOptions(
        column_types=kinds or None,
        include_columns=list(kinds) if kinds else None,
        null_values=list(NULLS),
        strings_can_be_null=True,
    )
    return pyarrow.csv.open_csv(source, pyarrow.csv.ReadOptions(block_size=BLOCK_BYTES), convert_options=convert)


def _csv_schema(path: Path) -> pa.Schema:
    with pa.OSFile(str(path)) as source, _reader(source, None) as reader:
        return reader.schema


def plain(kind: pa.DataType) -> pa.DataType:
    """Numbers as float64, text and truth values as string, whatever their width or encoding."""
    if pa.types.is_dictionary(kind):
        return plain(kind.value_type)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind):
        return pa.float64()
    if pa.types.is_boolean(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    return kind


def _cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind) and pa.types.is_floating(array.type) and pc.all(_whole(array)).as_py() is not False:
        array = array.cast(pa.int64())  # classes written as 1.0 are the classes 1
    return array.cast(kind)


def _whole(array: pa.Array) -> pa.Array:
    return pc.and_kleene(pc.is_finite(array), pc.equal(pc.round(array), array))


def _reason(error: Exception) -> str:
    """Arrow's own words, without the C++ behind them."""
    return str(error).split(". Detail:")[0].strip()
