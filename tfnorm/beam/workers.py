# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Worker processes of `WatchedRunner`, here and on other hosts, and who watches them.

Beam's own local runner waits forever for a worker that died. These handlers answer in
its stead, with an error that says so, as soon as its process ends, its connection
breaks, or it has not answered for too long.
"""

import os
import socket
import subprocess
import sys
import threading
import time

import grpc
from apache_beam.portability import api
from apache_beam.runners.portability.fn_api_runner import worker_handlers

from tfnorm import errors
from tfnorm.beam import connections
from tfnorm.beam import failures

PROCESSES = "tfnorm:env:processes:v1"
POOLS = "tfnorm:env:worker_pools:v1"

_LOOK_SECONDS = 0.1
_START_SECONDS = 60.0
_STOP_SECONDS = 15.0
_NOTICE_SECONDS = 1.0
# From the start of a worker's process to its first word. A pool does not tell that it
# ended in between.
_CONNECT_SECONDS = 90.0

# What runs now, by the name that its workers' environment bears.
RUNS: dict[str, "Run"] = {}


class Run:
    """One pipeline's run, as its workers' handlers see it.

    Args:
        pools: Addresses of worker pools; none for processes of this machine.
        driver_host: Under which name or address the pools reach this machine.
        timeout_seconds: How long a worker may leave a question unanswered.
    """

    def __init__(self, pools: tuple[str, ...], driver_host: str, timeout_seconds):
        self.pools = pools
        self.driver_host = driver_host
        self.timeout_seconds = timeout_seconds
        self.handlers: list[_Watched] = []
        self.lost = threading.Event()
        self.error: errors.WorkerError | None = None

    def lose(self, worker: str, reason: str) -> str:
        """Notes that a worker was lost, unless one was before.

        Returns:
            The text by which `typed_errors` finds the error.
        """
        if self.error is None:
            self.error = errors.WorkerError(
                f"{worker} {reason} while it was needed, so the job was stopped. Run "
                "it again; if that happens again, look for memory that ran out, and "
                "use fewer workers."
            )
            self.lost.set()
        return failures.text_of(self.error)

    def stop(self) -> None:
        """Ends workers that are left, without asking."""
        for handler in self.handlers:
            handler.finish(at_once=True)


def address_towards(pool: str) -> str:
    """Returns the address of this machine that a worker pool's host can reach."""
    host, _, port = pool.rpartition(":")
    try:
        family, _, _, _, where = socket.getaddrinfo(host, int(port), type=2)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(where)  # Sends nothing: it only looks for the route.
            found = probe.getsockname()[0]
    except OSError as error:
        raise errors.OptionsError(
            f"--worker_pools: {pool!r} cannot be reached: {error}."
        ) from error
    return f"[{found}]" if ":" in found else found


class _Watched(worker_handlers.GrpcWorkerHandler):
    """A worker, and a thread that notices when it is lost."""

    def __init__(self, payload: bytes, state, provision_info, grpc_server):
        self._run = RUNS[payload.decode()]
        super().__init__(state, provision_info, grpc_server)
        self.control_conn = connections.Control()
        self.data_conn = connections.Data(worker_handlers.DATA_BUFFER_TIME_LIMIT_MS)
        # Beam looks a worker up here when it connects.
        known = grpc_server.control_handler._connections_by_worker_id
        known[self.worker_id] = self.control_conn
        known = grpc_server.data_plane_handler._connections_by_worker_id
        known[self.worker_id, ""] = self.data_conn
        self._closed = threading.Event()
        self._started = False
        self._run.handlers.append(self)

    def name(self) -> str:
        """What error messages call it."""
        raise NotImplementedError

    def start(self) -> None:
        """Starts the worker."""
        raise NotImplementedError

    def end(self, at_once: bool) -> None:
        """Waits for the worker's end, or brings it about."""
        raise NotImplementedError

    def ended(self, wait_seconds: float = 0.0) -> str | None:
        """Says how the worker ended, if it did and that can be seen from here."""
        return None

    def host_from_worker(self) -> str:
        return self._run.driver_host

    def start_worker(self) -> None:
        self.start()
        self._started = True
        threading.Thread(target=self._watch, daemon=True).start()

    def stop_worker(self) -> None:
        self.finish(at_once=False)

    def finish(self, at_once: bool) -> None:
        """Ends the worker, if it was started and was not ended before."""
        started, self._started = self._started, False
        if started:
            self.end(at_once)

    def close(self) -> None:
        failure = sys.exc_info()[1]
        if failure is not None and not failures.is_typed(failure):
            # Beam may have noticed what is missing before the other thread has.
            self.control_conn.ended.wait(_NOTICE_SECONDS)
            if self.control_conn.ended.is_set():
                self._lose(self._end())
        self._closed.set()
        # Beam closes its handlers when it has failed, too: then nobody waits for what
        # the others still do, and what they would be sent is stuck.
        if failure is not None:
            self.finish(at_once=True)
            self.control_conn.close()
        else:
            super().close()

    def _watch(self) -> None:
        started = time.monotonic()
        while not self._closed.wait(_LOOK_SECONDS):
            if (reason := self._trouble(time.monotonic() - started)) is not None:
                return self._lose(reason)

    def _trouble(self, seconds: float) -> str | None:
        """Says what is wrong with the worker, so many seconds after its start."""
        if self.control_conn.ended.is_set():
            return self._end()
        limit = self._run.timeout_seconds
        if seconds > _CONNECT_SECONDS and not self.control_conn.connected.is_set():
            return f"has not connected within {_CONNECT_SECONDS:g} seconds"
        if self.control_conn.silent_seconds > limit:
            return f"has not answered for {limit:g} seconds (--worker_timeout)"
        return self.ended()

    def _end(self) -> str:
        # A process ends a moment after its connection, and knows more.
        return self.ended(_NOTICE_SECONDS) or "closed its connection"

    def _lose(self, reason: str) -> None:
        self.control_conn.fail(self._run.lose(self.name(), reason))


@worker_handlers.WorkerHandler.register_environment(PROCESSES, bytes)
class _ProcessWorker(_Watched):
    """A worker that is a process of this machine."""

    def name(self) -> str:
        return f"Worker process {self._process.pid}"

    def start(self) -> None:
        descriptor = "url: '{}'".format
        environment = dict(
            os.environ,
            CONTROL_API_SERVICE_DESCRIPTOR=descriptor(self.control_address),
            LOGGING_API_SERVICE_DESCRIPTOR=descriptor(
                self.logging_api_service_descriptor().url
            ),
            PIPELINE_OPTIONS="{}",
            WORKER_ID=self.worker_id,
        )
        # As a module's name: importing it here would make it another one there.
        command = [sys.executable, "-m", "tfnorm.beam.sdk_worker", str(os.getpid())]
        self._process = subprocess.Popen(command, env=environment)

    def ended(self, wait_seconds: float = 0.0) -> str | None:
        try:
            status = self._process.wait(wait_seconds)
        except subprocess.TimeoutExpired:
            return None
        return f"was ended by signal {-status}" if status < 0 else f"exited ({status})"

    def end(self, at_once: bool) -> None:
        if at_once:
            self._process.kill()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@worker_handlers.WorkerHandler.register_environment(POOLS, bytes)
class _PoolWorker(_Watched):
    """A worker that one of Beam's worker pools starts, maybe on another host."""

    def name(self) -> str:
        return f"The worker of pool {self._pool!r}"

    def start(self) -> None:
        pools = self._run.pools
        self._pool = pools[len(self._run.handlers) % len(pools)]
        self._channel = grpc.insecure_channel(self._pool)
        self._stub = api.beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(
            self._channel
        )
        control = api.endpoints_pb2.ApiServiceDescriptor(url=self.control_address)
        request = api.beam_fn_api_pb2.StartWorkerRequest(
            worker_id=self.worker_id,
            control_endpoint=control,
            artifact_endpoint=control,
            provision_endpoint=control,
            logging_endpoint=self.logging_api_service_descriptor(),
        )
        try:
            answer = self._stub.StartWorker(
                request, timeout=_START_SECONDS, wait_for_ready=True
            )
        except grpc.RpcError as error:
            text = self._run.lose(f"Worker pool {self._pool!r}", "did not answer")
            raise RuntimeError(text) from error
        if answer.error:
            reason = f"failed: {answer.error}"
            raise RuntimeError(self._run.lose(f"Worker pool {self._pool!r}", reason))

    def end(self, at_once: bool) -> None:
        request = api.beam_fn_api_pb2.StopWorkerRequest(worker_id=self.worker_id)
        try:
            self._stub.StopWorker(request, timeout=_STOP_SECONDS)
        except grpc.RpcError:
            pass  # The host is gone; its worker ends when nobody talks to it.
        self._channel.close()
