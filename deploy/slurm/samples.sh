#!/usr/bin/env bash
# Submits the units of `twinspire samples` to Slurm, one job array a phase, each after the one before. Config, logs and
# base_dir lie on a file system that all nodes see. Words behind the script go to every command:
#     ./samples.sh --config /shared/twinspire.toml --date 2026-11-20
# SBATCH_FLAGS holds flags of sbatch, such as a partition; PARALLEL is how many units run at once.
set -euo pipefail
PARALLEL=${PARALLEL:-50}
read -ra sbatch_flags <<<"${SBATCH_FLAGS:-}"
flags=$(printf '%q ' "$@")

# submit NAME COMMAND [FLAGS...]: submits a job after the last one, and notes its number.
submit() {
    local name=$1 command=$2
    shift 2
    [ -z "${last:-}" ] || set -- "$@" "--dependency=afterok:$last"
    last=$(sbatch --parsable --requeue --job-name="twinspire-$name" "${sbatch_flags[@]}" "$@" --wrap="$command")
    last=${last%%;*}
    echo "$name: job $last"
}

# An array has at most MaxArraySize tasks; a task of a longer phase takes several units, one after the other.
tasks=${MAX_TASKS:-1000}
plan=$(twinspire samples plan --json --quiet "$@")
for phase in $(jq -r '.plan.phases[] | "\(.name):\(.first):\(.units)"' <<<"$plan"); do
    IFS=: read -r name first units <<<"$phase"
    array=$((units < tasks ? units : tasks))
    loop="for unit in \$(seq \$(($first + SLURM_ARRAY_TASK_ID)) $array $((first + units - 1)))"
    submit "$name" "set -e; $loop; do twinspire samples unit \$unit --quiet $flags; done" --array="0-$((array - 1))%$PARALLEL"
done
submit finish "twinspire samples finish --quiet $flags"
