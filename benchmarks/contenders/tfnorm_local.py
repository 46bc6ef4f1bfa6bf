# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""tfnorm in this process, without Beam."""

from benchmarks import data as data_lib
from benchmarks.contenders import base
from tfnorm import analysis
from tfnorm import artifact
from tfnorm import recipe as recipe_lib
from tfnorm import schemes
from tfnorm import sources


def recipe(data: data_lib.DataSet) -> recipe_lib.Recipe:
    """Returns a recipe that needs counts, moments, extrema and quantiles of all."""
    return recipe_lib.Recipe({name: schemes.Robust() for name in data.names})


def answer(data: data_lib.DataSet, found: artifact.Statistics) -> dict:
    """Returns what `Contender.answer` asks for."""
    quantiles = [[found[n].quantile(q) for q in data_lib.QUANTILES] for n in data.names]
    return {
        "digest": found.digest,
        "rows": found.rows,
        "features": base.table(
            data.names,
            mean=[found[name].mean.item() for name in data.names],
            variance=[found[name].variance.item() for name in data.names],
            min=[found[name].min.item() for name in data.names],
            max=[found[name].max.item() for name in data.names],
            quantiles=[[q.value.item() for q in row] for row in quantiles],
        ),
    }


class DecodeTFRecord(base.Contender):
    """Reads, checks and decodes all columns of TFRecord files, and no more."""

    imports = ("tfnorm.sources.tfrecord",)

    def run(self):
        shards = sources.open(self.data.files("tfrecord"), self.data.names)
        return sum(batch.rows for shard in shards for batch in shard.read())

    def answer(self, found):
        return {"rows": found}


class AnalyzeParquet(base.Contender):
    """Takes all statistics of Parquet files."""

    imports = ("tfnorm.sources.parquet", "pyarrow.parquet")

    def run(self):
        return analysis.analyze(self.data.files("parquet"), recipe(self.data))

    def answer(self, found):
        return answer(self.data, found)


class AnalyzeArray(base.Contender):
    """Takes all statistics of a NumPy array in memory."""

    def __init__(self, data: data_lib.DataSet):
        super().__init__(data)
        self._array = data.array()

    def run(self):
        return analysis.analyze(self._array)

    def answer(self, found):
        feature = found[""]
        quantiles = [feature.quantile(q).value for q in data_lib.QUANTILES]
        return {
            "rows": found.rows,
            "features": base.table(
                self.data.names,
                mean=feature.mean.tolist(),
                variance=feature.variance.tolist(),
                min=feature.min.tolist(),
                max=feature.max.tolist(),
                quantiles=[list(row) for row in zip(*quantiles, strict=True)],
            ),
        }
