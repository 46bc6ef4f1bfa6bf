# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs pipelines on several processes or hosts, with no more than Beam itself."""

import re
import threading
import uuid

from apache_beam.options import pipeline_options
from apache_beam.portability import python_urns
from apache_beam.runners.portability.fn_api_runner import fn_runner

from tfnorm import errors
from tfnorm.beam import failures
from tfnorm.beam import workers

_PROGRESS_SECONDS = 1.0
# How long after a failure to wait for the news that a worker was lost.
_NOTICE_SECONDS = 3.0
# How long a run may take to end after it has lost a worker.
_END_SECONDS = 30.0


class HostOptions(pipeline_options.PipelineOptions):
    """Flags of `WatchedRunner`, beside those of Beam's `DirectOptions`."""

    @classmethod
    def _add_argparse_args(cls, parser):
        parser.add_argument(
            "--worker_pools",
            help="Addresses (host:port, separated by commas) of Beam worker pools, "
            "`python -m apache_beam.runners.worker.worker_pool_main`, to run on.",
        )
        parser.add_argument(
            "--driver_host",
            help="Under which name or address the pools reach this machine. Default: "
            "its address towards the first pool.",
        )
        parser.add_argument(
            "--worker_timeout",
            type=float,
            default=300.0,
            help="Seconds without an answer after which a worker counts as lost.",
        )


class WatchedRunner(fn_runner.FnApiRunner):
    """Beam's local runner, on processes or hosts that may die.

    With `--direct_running_mode=multi_processing --direct_num_workers=N` it starts N
    worker processes, with `--worker_pools=host:port,...` it has Beam's own worker
    pools start workers on their hosts, in turn: one each, or as many as
    `--direct_num_workers` says. Without either it runs in this process. Stages follow
    one another, and what lies between them passes through this process, as in
    `FnApiRunner`: enough for statistics, which are small once they are summarized.

    A worker that dies, or that does not answer within `--worker_timeout` seconds,
    ends the run with an error (`WorkerError` within `tfnorm.beam.typed_errors()`), and
    the other workers with it. Files are read and written by workers, so all hosts see
    the same files under the same paths.

    `tfnorm.beam.compute_statistics`, `apply_recipe` and `merge_statistics` use it
    wherever the flags ask for processes or pools. Other pipelines name it:
    `--runner=tfnorm.beam.WatchedRunner`.

    Reference: https://beam.apache.org/documentation/runtime/sdk-harness-config/

    Example:

    >>> import apache_beam as beam
    >>> options = pipeline_options.PipelineOptions(
    ...     ["--runner=tfnorm.beam.WatchedRunner"]
    ... )
    >>> with beam.Pipeline(options=options) as pipeline:
    ...     _ = pipeline | beam.Create([3]) | beam.Map(print)
    3
    """

    def run_via_runner_api(self, pipeline_proto, options):
        run, urn = _asked(options)
        if run is None:
            return super().run_via_runner_api(pipeline_proto, options)
        self._num_workers = max(self._num_workers, len(run.pools))
        # Asking is also how a worker that fell silent is noticed.
        self._progress_frequency = _PROGRESS_SECONDS
        name = uuid.uuid4().hex
        for environment in pipeline_proto.components.environments.values():
            environment.urn = urn
            environment.payload = name.encode()
        workers.RUNS[name] = run
        try:
            return self._bounded(run, pipeline_proto, options)
        finally:
            del workers.RUNS[name]
            run.stop()

    def _bounded(self, run: workers.Run, pipeline_proto, options):
        """Runs the pipeline in a thread, which is left alone if it does not end."""
        found: list = []

        def work() -> None:
            try:
                run_stages = super(WatchedRunner, self).run_via_runner_api
                found.append((run_stages(pipeline_proto, options), None))
            except BaseException as error:
                found.append((None, error))

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        while thread.is_alive() and not run.lost.is_set():
            thread.join(0.05)
        thread.join(_END_SECONDS)
        result, error = found[0] if found else (None, None)
        if result is not None:
            return result
        if error is None or not failures.is_typed(error):
            # Beam may have noticed the broken connection first.
            run.lost.wait(0 if error is None else _NOTICE_SECONDS)
            if run.error is not None:
                raise RuntimeError(failures.text_of(run.error)) from error
        raise error


def _asked(options) -> tuple[workers.Run | None, str]:
    """Returns the run that the flags ask for, and its workers' environment."""
    given = options.view_as(HostOptions)
    mode = options.view_as(pipeline_options.DirectOptions).direct_running_mode
    if given.worker_pools:
        pools = tuple(given.worker_pools.split(","))
        for pool in pools:
            if not re.fullmatch(r"[^\s,]+:\d{1,5}", pool):
                raise errors.OptionsError(
                    f"--worker_pools: {pool!r} is no address such as 'host:18050'."
                )
        host = given.driver_host or workers.address_towards(pools[0])
        return workers.Run(pools, host, given.worker_timeout), workers.POOLS
    if mode == "multi_processing":
        found = workers.Run((), "localhost", given.worker_timeout)
        return found, workers.PROCESSES
    return None, python_urns.EMBEDDED_PYTHON
