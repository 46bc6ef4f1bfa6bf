#!/usr/bin/env bash
# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
#
# Runs a pipeline on a Flink cluster, without a job server of its own:
#
#   FLINK_MASTER=http://flink:8081 IMAGE=REGISTRY/tfnorm-worker:0.1.0 PARALLELISM=64 \
#     pipelines/launch/flink.sh compute_statistics \
#     --input 'hdfs://data/*.tfrecord' --recipe recipe.json --out hdfs://statistics
#
# Task managers start the image by Docker. Where they may not, let each run
# `worker_pool` of that image beside it, and say WORKERS='--environment_type=EXTERNAL
# --environment_config=localhost:50000'.
set -euo pipefail

pipeline=${1:?a file of pipelines/, such as compute_statistics}
shift
read -ra workers <<<"${WORKERS:---environment_type=DOCKER --environment_config=${IMAGE:?the image of workers}}"

exec python -m "pipelines.${pipeline}" "$@" \
  --runner=FlinkRunner \
  --flink_master="${FLINK_MASTER:?the address of the REST endpoint}" \
  --flink_version="${FLINK_VERSION:-1.20}" \
  --flink_submit_uber_jar \
  --parallelism="${PARALLELISM:-16}" \
  "${workers[@]}"
