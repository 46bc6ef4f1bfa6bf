# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What jobs count: rows, missing values, bad records and bytes.

They are Beam's own counters, in the namespace `tfnorm`, so that every runner shows them
in its own way. Beside them this process adds up what it has heard of so far, from its
own work and from workers that report to it, since a local runner tells only in the end.
"""

import collections
import threading
from collections.abc import Iterable

import apache_beam as beam
from apache_beam.metrics import monitoring_infos

from tfnorm import arrays

NAMESPACE = "tfnorm"


def count(batch: arrays.Batch) -> None:
    """Counts a batch that was read, within a step that a worker runs.

    The counters are `rows`, `missing` (values that rows lack, over all columns),
    `bad_records` (left out) and `bytes` (of the values, as they are in memory).

    Args:
        batch: What was read.
    """
    columns = batch.columns.values()
    lacking = (column.missing for column in columns if column.missing is not None)
    add(
        rows=batch.rows,
        missing=sum(int(missing.sum()) for missing in lacking),
        bad_records=batch.bad_records,
        bytes=batch.nbytes,
    )


def add(**counts: int) -> None:
    """Adds to counters by their names."""
    for name, number in counts.items():
        beam.metrics.Metrics.counter(NAMESPACE, name).inc(number)
    _HEARD.add(counts.get("rows", 0))


def counters(result) -> dict[str, int]:
    """Returns what a pipeline counted, of any runner that tells.

    Args:
        result: What `beam.Pipeline.run` returned, or `pipeline.result` after a `with`.

    Returns:
        Name to number, over all steps: `rows`, `missing`, `bad_records`, `bytes`.

    Example:

    >>> import tempfile
    >>> import numpy as np
    >>> from tfnorm import sources
    >>> from tfnorm.beam import compute
    >>> from tfnorm.sources import write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = write.write_parquet({"x": np.arange(3)}, f"{folder}/d")
    ...     pipeline = beam.Pipeline("FnApiRunner")
    ...     shards = pipeline | beam.Create(sources.open(paths, ["x"]))
    ...     _ = shards | compute.ReadBatches()
    ...     counters(pipeline.run())
    {'bad_records': 0, 'bytes': 24, 'missing': 0, 'rows': 3}
    """
    wanted = beam.metrics.MetricsFilter().with_namespace(NAMESPACE)
    found: collections.Counter[str] = collections.Counter()
    for counter in result.metrics().query(wanted)["counters"]:
        found[counter.key.metric.name] += counter.result or 0
    return dict(sorted(found.items()))


def rows_so_far() -> int:
    """Returns how many rows were read by all jobs that this process has heard of."""
    return _HEARD.rows


def hear(bundle: str, infos: Iterable) -> None:
    """Takes a worker's report of what it has counted of a bundle so far.

    Args:
        bundle: What names the bundle in this process.
        infos: Beam's monitoring infos.
    """
    rows = sum(
        monitoring_infos.extract_counter_value(info)
        for info in infos
        if info.urn == monitoring_infos.USER_COUNTER_URN
        and info.labels.get("NAMESPACE") == NAMESPACE
        and info.labels.get("NAME") == "rows"
    )
    _HEARD.hear(bundle, rows)


class _Heard:
    """Rows that this process has read, and those of each bundle of its workers."""

    def __init__(self):
        self._lock = threading.Lock()
        self._bundles: dict[str, int] = {}
        self.rows = 0

    def add(self, rows: int) -> None:
        with self._lock:
            self.rows += rows

    def hear(self, bundle: str, rows: int) -> None:
        with self._lock:
            more = max(0, rows - self._bundles.get(bundle, 0))
            self._bundles[bundle] = self._bundles.get(bundle, 0) + more
            self.rows += more


_HEARD = _Heard()
