#!/usr/bin/env bash
# Runs the Slurm and the Kubernetes script on this machine with stand-ins for sbatch and kubectl: every task of an array and
# every index of a Job is run here, the last one first, and the samples are compared with those of one process, byte for
# byte. The Job is checked against the schema of Kubernetes. It shows what the scripts ask for, not how a cluster behaves.
# One command; it needs jq, python3 with venv, and TWINSPIRE, the program (by default the one of PATH).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
twinspire=$(command -v "${TWINSPIRE:-twinspire}")
work=${WORK:-$(mktemp -d)}
echo "working in $work"
mkdir -p "$work/bin" "$work/jobs"
ln -sf "$twinspire" "$work/bin/twinspire"
if [ ! -x "$work/venv/bin/kubernetes-validate" ]; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet kubernetes-validate
fi

cat >"$work/bin/sbatch" <<'STAND_IN'
#!/usr/bin/env bash
set -euo pipefail
last=0
for word in "$@"; do
    case $word in
        --array=0-*%*) last=${word#--array=0-} last=${last%%%*} ;;
        --dependency=afterok:*) [ -e "$JOBS/${word#--dependency=afterok:}" ] ;;
        --wrap=*) command=${word#--wrap=} ;;
    esac
done
for task in $(seq "$last" -1 0); do SLURM_ARRAY_TASK_ID=$task bash -c "$command" >/dev/null; done
number=$(find "$JOBS" -name '[0-9]*' | wc -l)
touch "$JOBS/$number"
echo "$number;here"
STAND_IN

cat >"$work/bin/kubectl" <<'STAND_IN'
#!/usr/bin/env bash
set -euo pipefail
case $1 in
    apply)
        cat >"$JOBS/job.yaml"
        kubernetes-validate --strict "$JOBS/job.yaml" >"$JOBS/validated" 2>&1 || { cat "$JOBS/validated" >&2; exit 1; }
        python3 "$JOBS/run.py" "$JOBS"
        ;;
    wait) [ -e "$JOBS/${2#job/}" ] ;;
    logs) cat "$JOBS/${2#job/}" ;;
esac
STAND_IN

cat >"$work/jobs/run.py" <<'STAND_IN'
"""Runs the indexes of the Job in job.yaml, the last one first; what the first one says is its log."""
import os, subprocess, sys
import yaml

with open(f"{sys.argv[1]}/job.yaml") as file:
    job = yaml.safe_load(file)
[container] = job["spec"]["template"]["spec"]["containers"]
for index in reversed(range(job["spec"]["completions"])):
    said = subprocess.run(container["command"], env=os.environ | {"JOB_COMPLETION_INDEX": str(index)}, check=True, stdout=subprocess.PIPE)
with open(f"{sys.argv[1]}/{job['metadata']['name']}", "wb") as log:
    log.write(said.stdout)
STAND_IN
chmod +x "$work/bin/sbatch" "$work/bin/kubectl"
export JOBS=$work/jobs PATH="$work/bin:$work/venv/bin:$PATH" IMAGE=none CLAIM=none

# Logs with their config, and the samples that one process makes of them.
[ -d "$work/world" ] || "$twinspire" demo --dir "$work/world" --quiet >/dev/null
flags=(--config "$work/world/twinspire.toml" --set samples.memory_mib=16)
rm -rf "$work/alone" "$work/slurm" "$work/kubernetes"
"$twinspire" samples "${flags[@]}" --base-dir "$work/alone" --quiet >/dev/null

# sums FOLDER: checksums of all samples, without the manifest, which holds times.
sums() { (cd "$1/runs" && find . -path '*/samples/*' -type f ! -name manifest.json -exec sha256sum {} + | sort -k2); }

for cluster in slurm kubernetes; do
    "$here/$cluster/samples.sh" "${flags[@]}" --base-dir "$work/$cluster" >"$work/$cluster.out"
    diff <(sums "$work/alone") <(sums "$work/$cluster") || { echo "FAILED: $cluster is not what one process makes"; exit 1; }
    echo "$cluster: $(sums "$work/$cluster" | wc -l) files equal to those of one process"
done
