# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""A file system of Beam that is difficult, and a server that speaks S3."""

import contextlib
import io
import os
import pathlib
import threading
from unittest import mock

import boto3
import botocore.loaders
import moto.server
import werkzeug.serving
from apache_beam.io import filesystem

ROOT = "shelf://"


class ShelfFileSystem(filesystem.FileSystem):
    """A folder of this machine under `shelf://`, as awkward as HDFS.

    It lists one folder at a time, folders among the files; it does not rename to what
    is there, and what is being written is seen before it is whole.
    """

    folder = pathlib.Path()
    # Bytes that were read, and after how many every read fails.
    bytes_read = 0
    fails_after: int | None = None
    # Called with the path before each write.
    before_write = staticmethod(lambda path: None)

    @classmethod
    def scheme(cls):
        return "shelf"

    def _here(self, path):
        return self.folder / path.removeprefix(ROOT)

    def join(self, basepath, *paths):
        return "/".join([basepath, *paths])

    def split(self, path):
        head, _, tail = path.rpartition("/")
        return head, tail

    def mkdirs(self, path):
        self._here(path).mkdir(parents=True)

    def has_dirs(self):
        return True

    def _list(self, dir_or_prefix):
        for path in self._here(dir_or_prefix).iterdir():
            with contextlib.suppress(FileNotFoundError):  # It went meanwhile.
                yield self.metadata(ROOT + path.relative_to(self.folder).as_posix())

    def create(self, path, mime_type="", compression_type="auto"):
        type(self).before_write(path)
        here = self._here(path)
        here.parent.mkdir(parents=True, exist_ok=True)
        return here.open("wb", buffering=0)

    def open(self, path, mime_type="", compression_type="auto"):
        return io.BufferedReader(_Counted(self._here(path)), 1 << 20)

    def copy(self, source_file_names, destination_file_names):
        raise NotImplementedError

    def rename(self, source_file_names, destination_file_names):
        for source, target in zip(
            source_file_names, destination_file_names, strict=True
        ):
            os.link(self._here(source), self._here(target))  # Fails if it is there.
            self._here(source).unlink()

    def exists(self, path):
        return self._here(path).exists()

    def size(self, path):
        return self.metadata(path).size_in_bytes

    def last_updated(self, path):
        return self.metadata(path).last_updated_in_seconds

    def checksum(self, path):
        raise NotImplementedError

    def metadata(self, path):
        found = self._here(path).stat()
        return filesystem.FileMetadata(path, found.st_size, found.st_mtime)

    def delete(self, paths):
        for path in map(self._here, paths):
            if path.is_dir():
                for inner in sorted(path.rglob("*"), reverse=True):
                    inner.rmdir() if inner.is_dir() else inner.unlink()
                path.rmdir()
            else:
                path.unlink()


class _Counted(io.RawIOBase):
    def __init__(self, path):
        super().__init__()
        self._file = path.open("rb", buffering=0)

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=os.SEEK_SET):
        return self._file.seek(offset, whence)

    def readinto(self, buffer):
        limit = ShelfFileSystem.fails_after
        if limit is not None and self._file.tell() >= limit:
            raise ConnectionResetError("the connection was lost")
        count = self._file.readinto(buffer)
        ShelfFileSystem.bytes_read += count or 0
        return count

    def close(self):
        self._file.close()
        super().close()


class S3:
    """A server of S3's API on this machine, with one bucket.

    Args:
        url: Where it listens.
    """

    bucket = "bucket"

    def __init__(self, url: str):
        self.url = url
        self.client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
        )
        self.client.create_bucket(Bucket=self.bucket)

    @property
    def options(self) -> list[str]:
        """The options of Beam that lead to it."""
        return [
            f"--s3_endpoint_url={self.url}",
            "--s3_access_key_id=key",
            "--s3_secret_access_key=secret",
            "--s3_region_name=us-east-1",
        ]

    def upload(self, folder: pathlib.Path, prefix: str) -> str:
        """Copies the files of a folder; returns where they are then."""
        for path in folder.rglob("*"):
            if path.is_file():
                key = f"{prefix}/{path.relative_to(folder).as_posix()}"
                self.client.put_object(
                    Bucket=self.bucket, Key=key, Body=path.read_bytes()
                )
        return f"s3://{self.bucket}/{prefix}"

    def keys(self, prefix: str) -> list[str]:
        """Returns the names of the objects that begin so, without it."""
        found = self.client.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [o["Key"].removeprefix(prefix) for o in found.get("Contents", ())]


@contextlib.contextmanager
def s3_server():
    """Yields an `S3`."""
    app = moto.server.DomainDispatcherApplication(moto.server.create_backend_app)
    server = werkzeug.serving.make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    # Beam makes a client for each operation, which reads MBs of JSON: do so once.
    load = botocore.loaders.JSONFileLoader.load_file
    models: dict[str, object] = {}

    def load_once(loader, path):
        if path not in models:
            models[path] = load(loader, path)
        return models[path]

    patched = mock.patch.object(botocore.loaders.JSONFileLoader, "load_file", load_once)
    patched.start()
    try:
        yield S3(f"http://127.0.0.1:{server.server_port}")
    finally:
        patched.stop()
        server.shutdown()
        thread.join()
        server.server_close()
