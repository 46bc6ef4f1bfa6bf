# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures each source beside its decoder alone.

    python -m benchmarks.sources --rows=200000 --repeats=5

The decoder is what a format's library does to have the same columns in memory: pyarrow
reading record batches, NumPy copying rows, Pillow decoding pixels. tf.Example has no
such library (protobuf is far slower), so that there it is `read()` itself.
"""

import argparse
import glob
import io
import pathlib
import tempfile
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
from array_record.python import array_record_module
from PIL import Image

from tfnorm import analysis
from tfnorm import sources
from tfnorm.sources import framing
from tfnorm.sources import write

COLUMNS = 10
_HEAD = ("source", "rows/s of the decoder", "read", "read, and all statistics")


def main(argv: list[str] | None = None) -> None:
    """Prints a table: rates, and what part of the decoder's rate they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args(argv)
    print("| " + " | ".join(_HEAD) + " |")
    print("| --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for name, pattern, decode in _made(pathlib.Path(folder), options):
            rows = options.images if name == "jpeg" else options.rows
            print(
                _row(name, rows, _times(pattern, decode, options.repeats)), flush=True
            )


def _times(pattern: str, decode: Callable | None, repeats: int) -> list[float]:
    """The least seconds of decoder, of reading, and of statistics."""

    def read() -> None:
        for shard in sources.open(pattern):
            for _ in shard.read():
                pass

    def analyze() -> None:
        analysis.analyze(pattern)

    works: list[Callable[[], None]] = [read, analyze]
    if decode is not None:
        works.insert(0, lambda: [decode(path) for path in sorted(glob.glob(pattern))])
    least = [float("inf")] * len(works)
    for _ in range(repeats):  # One after the other, so that a slow moment hits all.
        for i, work in enumerate(works):
            start = time.perf_counter()
            work()
            least[i] = min(least[i], time.perf_counter() - start)
    return least if decode is not None else [least[0], *least]


def _row(name: str, rows: int, times: list[float]) -> str:
    shares = [f"{times[0] / seconds:.2f}" for seconds in times[1:]]
    return f"| {name} | {rows / times[0]:,.0f} | {' | '.join(shares)} |"


def _made(folder: pathlib.Path, options):
    """Writes the files; yields name, pattern and decoder of each source."""
    rng = np.random.default_rng(0)
    data = {
        f"x{i}": rng.normal(size=options.rows).astype(np.float32)
        for i in range(COLUMNS)
    }
    table = pa.table(data)
    (path,) = write.write_tfrecords(data, folder / "a")
    yield "tfrecord", path, None
    (zipped,) = write.write_tfrecords(data, folder / "z", compress=True)
    yield "tfrecord gzip", zipped, None
    writer = array_record_module.ArrayRecordWriter(
        str(folder / "a.array_record"), "group_size:64"
    )
    for block in framing.read_blocks(path):
        for start, end in zip(block.starts, block.ends, strict=True):
            writer.write(block.data[start:end])
    writer.close()
    yield "array_record", str(folder / "a.array_record"), None
    (path,) = write.write_parquet(data, folder / "p")
    yield "parquet", path, _parquet
    with pa.ipc.new_file(folder / "a.arrow", table.schema) as file:
        file.write_table(table, max_chunksize=65536)
    yield "arrow", str(folder / "a.arrow"), _arrow
    csv.write_csv(table, folder / "a.csv")
    yield "csv", str(folder / "a.csv"), _csv
    np.savez(folder / "a.npz", **data)
    yield "npz", str(folder / "a.npz"), _npz
    pixels = rng.integers(0, 256, (options.images, 28, 28, 3)).astype(np.uint8)
    for i, small in enumerate(pixels):
        picture = Image.fromarray(small).resize((224, 224), Image.Resampling.BICUBIC)
        picture.save(folder / f"{i:05d}.jpg", quality=90)
    yield "jpeg", str(folder / "*.jpg"), _jpeg


def _parquet(path: str) -> None:
    with pq.ParquetFile(path) as file:
        for _ in file.iter_batches(65536, use_threads=False):
            pass


def _arrow(path: str) -> None:
    with pa.memory_map(path) as source:
        file = pa.ipc.open_file(source)
        for i in range(file.num_record_batches):
            # The map brings no byte in before it is read.
            for column in file.get_batch(i).columns:
                column.to_numpy().copy()


def _csv(path: str) -> None:
    for _ in csv.open_csv(path, csv.ReadOptions(use_threads=False, block_size=8 << 20)):
        pass


def _npz(path: str) -> None:
    with np.load(path) as found:  # It compares checksums, as the source does.
        for name in found:
            np.array(found[name])


def _jpeg(path: str) -> None:
    np.asarray(Image.open(io.BytesIO(pathlib.Path(path).read_bytes())))


if __name__ == "__main__":
    main()
