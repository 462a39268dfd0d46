#!/usr/bin/env bash
# Runs the units of `twinspire samples` as indexed Jobs, one Job a phase. Needs kubectl, jq, and a volume that every pod
# sees (see unit-job.yaml). Words behind the script go to every command:
#     IMAGE=registry/twinspire:0.1 CLAIM=twinspire PARALLEL=20 ./samples.sh --config /data/twinspire.toml --date 2026-11-20
set -euo pipefail
cd "$(dirname "$0")"
: "${IMAGE:?name the image}" "${CLAIM:?name the volume claim}"
PARALLEL=${PARALLEL:-10}
FLAGS=$(printf '%s ' "$@")
run=$(date +%s)

# job NAME COMPLETIONS COMMAND: applies a Job, waits for it, and shows what its first pod said.
job() {
    sed -e "s|@NAME@|twinspire-$1-$run|; s|@COMPLETIONS@|$2|; s|@PARALLEL@|$PARALLEL|" \
        -e "s|@IMAGE@|$IMAGE|; s|@CLAIM@|$CLAIM|; s|@COMMAND@|$3|" unit-job.yaml | kubectl apply -f - >&2
    kubectl wait "job/twinspire-$1-$run" --for=condition=complete --timeout="${WAIT:-24h}" >&2
    kubectl logs "job/twinspire-$1-$run" --tail=-1
}

plan=$(job plan 1 "twinspire samples plan --json --quiet $FLAGS")
for phase in $(jq -r '.plan.phases[] | "\(.name):\(.first):\(.units)"' <<<"$plan"); do
    IFS=: read -r name first units <<<"$phase"
    job "$name" "$units" "twinspire samples unit \$(($first + JOB_COMPLETION_INDEX)) --quiet $FLAGS" >/dev/null
done
job finish 1 "twinspire samples finish --quiet $FLAGS"
