# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Worker pools, job servers and network namespaces that tests bring up, and down."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid

import pytest

POOL = "apache_beam.runners.worker.worker_pool_main"
JOB_SERVER = "apache_beam.runners.portability.local_job_service_main"
_WAIT_SECONDS = 60


def free_port() -> int:
    """Returns a port that nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


def environment() -> dict[str, str]:
    """Returns what processes of Python need: a pool starts the command `python`."""
    root = str(pathlib.Path(__file__).absolute().parents[1])
    # Not resolved: in a virtual environment, Python is a link.
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    return dict(os.environ, PATH=path, PYTHONPATH=root, OMP_NUM_THREADS="1")


def _tied() -> list[str]:
    """What has a process end with this one, should that be killed, where it can be."""
    return ["setpriv", "--pdeathsig=TERM"] if shutil.which("setpriv") else []


@contextlib.contextmanager
def process(*command, log: pathlib.Path):
    """Runs a process in a session of its own, and ends all that it has started."""
    with open(log, "wb") as file:
        started = subprocess.Popen(
            [*_tied(), *map(str, command)],
            stdout=file,
            stderr=file,
            env=environment(),
            start_new_session=True,
        )
    try:
        yield started
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(started.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                started.wait(10)


def wait_for_port(port: int, log: pathlib.Path) -> None:
    """Waits until a process of this network listens."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection(("localhost", port), 1).close()
            return
        if time.monotonic() > deadline:
            pytest.fail(log.read_text())
        time.sleep(0.05)


@contextlib.contextmanager
def pools(folder: pathlib.Path, count: int, prefix=lambda index: (), hosts=None):
    """Yields the addresses of worker pools, each a process that starts workers."""
    with contextlib.ExitStack() as stack:
        addresses, started = [], []
        for index in range(count):
            port, log = free_port(), folder / f"pool{index}.log"
            command = (sys.executable, "-m", POOL, f"--service_port={port}")
            stack.enter_context(process(*prefix(index), *command, log=log))
            host = hosts[index] if hosts else "127.0.0.1"
            addresses.append(f"{host}:{port}")
            started.append((port, log))
        for port, log in started if hosts is None else ():
            wait_for_port(port, log)  # Runs wait for those of other networks.
        yield addresses


@contextlib.contextmanager
def job_server(folder: pathlib.Path):
    """Yields the address of Beam's portable job server."""
    port, log = free_port(), folder / "server.log"
    command = (sys.executable, "-m", JOB_SERVER, "--port", port)
    with process(*command, log=log):
        wait_for_port(port, log)
        yield f"localhost:{port}"


def children(parent: int, text: str) -> list[int]:
    """Returns the processes below another whose command line holds a text."""
    parents, found = {}, []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                parents[int(entry.name)] = int(fields[1])
                line = (entry / "cmdline").read_bytes()
                if fields[0] != "Z" and text.encode() in line:
                    found.append(int(entry.name))
    return sorted(child for child in found if parent in _above(child, parents))


def _above(child: int, parents: dict[int, int]) -> list[int]:
    above = []
    while child in parents:
        child = parents[child]
        above.append(child)
    return above


# Network namespaces.


def ip(*arguments) -> None:
    """Runs the command `ip`."""
    subprocess.run(["ip", *map(str, arguments)], check=True, capture_output=True)


def namespaces_allowed() -> bool:
    """Returns whether this process may make networks of its own."""
    try:
        with namespaces(1):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextlib.contextmanager
def namespaces(count: int):
    """Yields names and addresses of network namespaces that see each other only.

    The first holds a bridge, which the others are plugged into.
    """
    mark = uuid.uuid4().hex[:6]
    names = [f"tfnorm-{mark}-{index}" for index in range(count)]
    addresses = [f"10.99.7.{index + 1}" for index in range(count)]
    with contextlib.ExitStack() as stack:
        for name in names:
            ip("netns", "add", name)
            stack.callback(ip, "netns", "del", name)
            ip("-n", name, "link", "set", "lo", "up")
        first = names[0]
        ip("-n", first, "link", "add", "bridge", "type", "bridge")
        ip("-n", first, "addr", "add", f"{addresses[0]}/24", "dev", "bridge")
        ip("-n", first, "link", "set", "bridge", "up")
        for index, name in list(enumerate(names))[1:]:
            plug = f"plug{index}"
            peer = ("peer", "name", "eth0", "netns", name)
            ip("-n", first, "link", "add", plug, "type", "veth", *peer)
            ip("-n", first, "link", "set", plug, "master", "bridge", "up")
            ip("-n", name, "addr", "add", f"{addresses[index]}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
        yield names, addresses
