# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""tfnorm on Beam's runner in this process, one worker."""

import pickle
import tempfile
import time

from benchmarks import data as data_lib
from benchmarks.contenders import base
from benchmarks.contenders import tfnorm_local
from tfnorm import beam


class ComputeStatistics(base.Contender):
    """From TFRecord files to the written artifact: every statistic of every column."""

    imports = (*base.BEAM, "tfnorm.sources.tfrecord")
    suffix = "tfrecord"

    def __init__(self, data: data_lib.DataSet):
        super().__init__(data)
        self._folder = tempfile.TemporaryDirectory()

    def run(self):
        return beam.compute_statistics(
            self.data.files(self.suffix),
            tfnorm_local.recipe(self.data),
            f"{self._folder.name}/statistics",
            beam_args=["--runner=FnApiRunner"],
        )

    def answer(self, found):
        size = len(pickle.dumps(found, protocol=5))
        start = time.perf_counter()
        found.merge(found)
        seconds = time.perf_counter() - start
        state = {"state_bytes": size, "merge_seconds": seconds}
        return {**tfnorm_local.answer(self.data, found), **state}


class ComputeOfParquet(ComputeStatistics):
    """The same, from Parquet files."""

    imports = (*base.BEAM, "tfnorm.sources.parquet", "pyarrow.parquet")
    suffix = "parquet"
