#!/usr/bin/env bash
# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
#
# Runs a pipeline on several hosts with nothing but Python. On each of them:
#
#   PATH=/path/to/venv/bin:$PATH \
#     python -m apache_beam.runners.worker.worker_pool_main --service_port=18050
#
# and here:
#
#   POOLS=host1:18050,host2:18050 pipelines/launch/hosts.sh compute_statistics \
#     --input '/shared/data/*.tfrecord' --recipe recipe.json --out /shared/statistics
#
# Nothing is encrypted or asked who it is: only in a network that you trust.
set -euo pipefail

pipeline=${1:?a file of pipelines/, such as compute_statistics}
shift

exec python -m "pipelines.${pipeline}" "$@" \
  --runner=tfnorm.beam.WatchedRunner \
  --worker_pools="${POOLS:?host:port,host:port}" \
  ${WORKERS:+--direct_num_workers="${WORKERS}"}
