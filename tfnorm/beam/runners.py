# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""From Beam's flags to a pipeline on the runner that they name."""

import contextlib
import io
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options import pipeline_options

from tfnorm import errors
from tfnorm import files
from tfnorm.beam import hosts

_LOCAL = ("FnApiRunner", "DirectRunner")
_IN_PROCESS = (*_LOCAL, "BundleBasedDirectRunner", "tfnorm.beam.WatchedRunner")


def options_of(beam_args: Sequence[str]) -> pipeline_options.PipelineOptions:
    """Returns Beam's options, after telling its file systems of them.

    Without any, the job runs in this process.

    Raises:
        OptionsError: if Beam does not know an option, or the runner is Dask's.
    """
    flags = list(beam_args)
    if not any(flag.startswith("--runner") for flag in flags):
        # The default, DirectRunner, looks for another runner to download first.
        flags.append("--runner=FnApiRunner")
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            options = pipeline_options.PipelineOptions(flags)
            if beam_args:
                _check_known(options)
            refuse_dask(_named(options))
    except errors.OptionsError:
        raise
    except SystemExit as error:  # So argparse reports what it cannot read.
        reason = said.getvalue().strip().splitlines()[-1:]
        raise errors.OptionsError("".join(reason)) from error
    except Exception as error:
        raise _unusable(flags, error) from error
    files.use_options(flags)
    return options


def pipeline_of(beam_args: Sequence[str]) -> beam.Pipeline:
    """Returns a pipeline with Beam's options; without any, it runs in this process.

    Raises:
        OptionsError: if Beam cannot run with the options.
    """
    options = options_of(beam_args)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            pools = options.view_as(hosts.HostOptions).worker_pools
            if _named(options) in _LOCAL and (pools or _in_processes(options)):
                return beam.Pipeline(runner=hosts.WatchedRunner(), options=options)
            return beam.Pipeline(options=options)
    except (Exception, SystemExit) as error:
        raise _unusable(beam_args, error) from error


def _in_processes(options: pipeline_options.PipelineOptions) -> bool:
    direct = options.view_as(pipeline_options.DirectOptions)
    return direct.direct_running_mode == "multi_processing"


def _unusable(flags: Sequence[str], error: BaseException) -> errors.OptionsError:
    return errors.OptionsError(f"Beam cannot run with {' '.join(flags)}: {error}")


def refuse_dask(runner) -> None:
    """Raises an OptionsError where a runner is Dask's.

    Args:
        runner: A runner, or the name of one.
    """
    if not isinstance(runner, str):
        runner = f"{type(runner).__module__}.{type(runner).__name__}"
    if "dask" in runner.lower():
        raise errors.OptionsError(
            f"{runner} is refused: Beam's Dask runner drops what steps yield when a "
            "bundle ends, mixes tagged outputs and leaves out branches, and reports "
            "success. Statistics from it would be wrong without a word. Use "
            "`--worker_pools` to run on several hosts, or Flink, Spark or Dataflow."
        )


def _named(options: pipeline_options.PipelineOptions) -> str:
    return options.view_as(pipeline_options.StandardOptions).runner or ""


def _check_known(options: pipeline_options.PipelineOptions) -> None:
    if _named(options) not in _IN_PROCESS:
        return  # Others hand on what they do not know to where the job runs.
    with_unknown = options.get_all_options(retain_unknown_options=True)
    unknown = sorted(set(with_unknown) - set(options.get_all_options()))
    if unknown:
        raise errors.OptionsError(f"Beam knows no option --{unknown[0]}.")
