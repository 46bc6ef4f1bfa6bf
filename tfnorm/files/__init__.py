# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Files and folders written whole or not at all, here and wherever Beam reaches.

A path is one of this machine's, or `scheme://...` of a file system that Beam knows:
`gs://`, `s3://`, `hdfs://`, `azfs://`, and whatever is registered. Beam is loaded when
the first of those is named, and never for paths of this machine.
"""

from tfnorm.files.listing import Entry
from tfnorm.files.listing import each
from tfnorm.files.listing import exists
from tfnorm.files.listing import identity
from tfnorm.files.listing import is_remote
from tfnorm.files.listing import matches
from tfnorm.files.listing import read
from tfnorm.files.listing import remove
from tfnorm.files.listing import scratch
from tfnorm.files.listing import size
from tfnorm.files.listing import status
from tfnorm.files.local import check_replaceable
from tfnorm.files.local import read_whole_folder
from tfnorm.files.local import whole_folder
from tfnorm.files.published import Publication
from tfnorm.files.published import check_publishable
from tfnorm.files.published import follow
from tfnorm.files.published import published
from tfnorm.files.remote import told
from tfnorm.files.remote import use_options
from tfnorm.files.streams import open
from tfnorm.files.streams import whole_file

__all__ = [
    "Entry",
    "Publication",
    "check_publishable",
    "check_replaceable",
    "each",
    "exists",
    "follow",
    "identity",
    "is_remote",
    "matches",
    "open",
    "published",
    "read",
    "read_whole_folder",
    "remove",
    "scratch",
    "size",
    "status",
    "told",
    "use_options",
    "whole_file",
    "whole_folder",
]
