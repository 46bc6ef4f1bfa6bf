# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What passes between a runner and one worker, and does not wait for a dead one."""

import threading
import time
from collections.abc import Iterable
from collections.abc import Iterator

import grpc
from apache_beam.portability import api
from apache_beam.runners.portability.fn_api_runner import worker_handlers
from apache_beam.runners.worker import data_plane

from tfnorm.beam import counting


class Control(worker_handlers.ControlConnection):
    """What is asked of a worker; once it is lost, every answer is an error."""

    def __init__(self):
        super().__init__()
        self._changes = threading.Lock()
        self._asked: dict[str, tuple[worker_handlers.ControlFuture, str]] = {}
        self._heard = time.monotonic()
        self._failure: str | None = None
        self.connected = threading.Event()
        self.ended = threading.Event()

    def push(self, req):
        if req is worker_handlers.BeamFnControlServicer._DONE_MARKER:
            return super().push(req)
        with self._changes:
            if not self._asked:
                self._heard = time.monotonic()
            future = super().push(req)
            bundle = req.process_bundle_progress.instruction_id or req.instruction_id
            self._asked[future.instruction_id] = future, bundle
            if self._failure is not None:
                self._answer(future)
        return future

    def set_input(self, input):
        super().set_input(self._listened(input))
        with self._changes:
            self._heard = time.monotonic()
        self.connected.set()

    def _listened(self, responses) -> Iterator:
        for response in _until_broken(responses):
            with self._changes:
                self._heard = time.monotonic()
                _, bundle = self._asked.pop(response.instruction_id, (None, ""))
            report = getattr(response, response.WhichOneof("response") or "", None)
            infos = getattr(report, "monitoring_infos", ())
            counting.hear(f"{id(self)} {bundle}", infos)
            yield response
        self.ended.set()

    @property
    def silent_seconds(self) -> float:
        """How long it has owed an answer, since it connected."""
        if not self.connected.is_set():
            return 0.0
        with self._changes:
            return time.monotonic() - self._heard if self._asked else 0.0

    def fail(self, text: str) -> None:
        """Answers all that was asked, and all that will be, with an error."""
        with self._changes:
            self._failure = text
            for future, _ in self._asked.values():
                self._answer(future)

    def _answer(self, future) -> None:
        future.set(
            api.beam_fn_api_pb2.InstructionResponse(
                instruction_id=future.instruction_id, error=self._failure
            )
        )


class Data(data_plane._GrpcDataChannel):
    """What a worker sends; a broken connection is an end, told by `Control`."""

    def set_inputs(self, elements_iterator):
        super().set_inputs(_until_broken(elements_iterator))


def _until_broken(received: Iterable) -> Iterator:
    try:
        yield from received
    except grpc.RpcError:
        return  # The process is gone, or the network between.
