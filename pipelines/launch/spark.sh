#!/usr/bin/env bash
# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
#
# Runs a pipeline on a Spark 3 cluster, by its REST endpoint:
#
#   SPARK_REST_URL=http://spark:6066 SPARK_MASTER=spark://spark:7077 \
#     IMAGE=REGISTRY/tfnorm-worker:0.1.0 \
#     pipelines/launch/spark.sh compute_statistics \
#     --input 'hdfs://data/*.tfrecord' --recipe recipe.json --out hdfs://statistics
#
# The master needs `spark.master.rest.enabled=true`. Executors start the image by
# Docker; see flink.sh for WORKERS where they may not.
set -euo pipefail

pipeline=${1:?a file of pipelines/, such as compute_statistics}
shift
read -ra workers <<<"${WORKERS:---environment_type=DOCKER --environment_config=${IMAGE:?the image of workers}}"

exec python -m "pipelines.${pipeline}" "$@" \
  --runner=SparkRunner \
  --spark_submit_uber_jar \
  --spark_rest_url="${SPARK_REST_URL:?the address of the REST endpoint}" \
  --spark_master_url="${SPARK_MASTER:?spark://HOST:PORT}" \
  --spark_version=3 \
  "${workers[@]}"
