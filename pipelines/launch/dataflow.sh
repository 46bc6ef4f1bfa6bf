#!/usr/bin/env bash
# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
#
# Runs a pipeline on Google Cloud Dataflow (needs `pip install 'apache-beam[gcp]'`):
#
#   PROJECT=my-project REGION=europe-west1 BUCKET=gs://my-bucket \
#     IMAGE=europe-docker.pkg.dev/my-project/tfnorm/worker:0.1.0 \
#     pipelines/launch/dataflow.sh compute_statistics \
#     --input 'gs://data/*.tfrecord' --recipe recipe.json --out gs://my-bucket/statistics
#
# Without IMAGE, Beam ships the package that setup.py builds, and each worker installs
# it with its requirements when it starts: some minutes, for a first try.
set -euo pipefail

pipeline=${1:?a file of pipelines/, such as compute_statistics}
shift
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if [[ -n ${IMAGE:-} ]]; then
  code=(--sdk_container_image="${IMAGE}" --sdk_location=container)
else
  code=(--setup_file="${root}/setup.py")
fi

exec python -m "pipelines.${pipeline}" "$@" \
  --runner=DataflowRunner \
  --project="${PROJECT:?the project to run in}" \
  --region="${REGION:?the region to run in}" \
  --temp_location="${BUCKET:?gs://...}/temp" \
  --staging_location="${BUCKET}/staging" \
  --job_name="tfnorm-${pipeline//_/-}-$(date +%Y%m%d-%H%M%S)" \
  --machine_type="${MACHINE_TYPE:-n2-standard-4}" \
  --max_num_workers="${MAX_WORKERS:-64}" \
  --disk_size_gb=50 \
  "${code[@]}"
