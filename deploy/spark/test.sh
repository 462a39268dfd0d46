#!/usr/bin/env bash
# Runs the samples of a made-up world on Spark in local-cluster mode, two executors on this machine, kills one of them
# half-way with SIGKILL, and compares the result with that of one process, byte for byte. One command; it needs Java 17 or
# later, python3 with venv, and TWINSPIRE, the program (by default the one of PATH). Takes some minutes. For logs of your own
# name them and their config: DATA=LOGS CONFIG=config/bench-samples.toml MEMORY_MIB=128.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
twinspire=$(command -v "${TWINSPIRE:-twinspire}")
work=${WORK:-$(mktemp -d)}
echo "working in $work"
if [ ! -x "$work/venv/bin/spark-submit" ]; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet pyspark
fi
export SPARK_LOCAL_IP=127.0.0.1 PYSPARK_PYTHON="$work/venv/bin/python"

# seconds_since MOMENT: seconds that have passed.
seconds_since() { awk -v a="$1" -v b="$(date +%s.%N)" 'BEGIN { printf "%.1f\n", b - a }'; }

# Logs with their config, and the samples that one process makes of them.
if [ -z "${CONFIG:-}" ] && [ ! -d "$work/world" ]; then "$twinspire" demo --dir "$work/world" --quiet >/dev/null; fi
flags=(--config "$(realpath "${CONFIG:-$work/world/twinspire.toml}")" --set "samples.memory_mib=${MEMORY_MIB:-16}")
if [ -n "${DATA:-}" ]; then flags+=(--data "$(realpath "$DATA")"); fi
rm -rf "$work/alone"
started=$(date +%s.%N)
"$twinspire" samples "${flags[@]}" --base-dir "$work/alone" --quiet >/dev/null
alone=$(seconds_since "$started")

# sums FOLDER: checksums of all samples, without the manifest, which holds times.
sums() { (cd "$1/runs" && find . -path '*/samples/*' -type f ! -name manifest.json -exec sha256sum {} + | sort -k2); }

# spark EXECUTORS BASE [kill]: the same on Spark; prints the seconds it took.
spark() {
    local started victim
    started=$(date +%s.%N)
    "$work/venv/bin/spark-submit" --master "local-cluster[$1,1,1024]" --conf spark.task.maxFailures=8 \
        --conf spark.ui.enabled=false "$here/samples.py" --twinspire "$twinspire" -- "${flags[@]}" --base-dir "$work/$2" \
        >"$work/$2.out" 2>"$work/$2.err" &
    local submit=$!
    if [ "${3:-}" = kill ]; then
        until [ -n "$(find "$work/$2/runs" -path '*/units/scan-*' -name manifest.json 2>/dev/null | head -1)" ]; do
            kill -0 $submit 2>/dev/null || { tail -40 "$work/$2.err"; exit 1; }
            sleep 0.05
        done
        victim=$(pgrep -f "CoarseGrainedExecutorBackend.*--executor-id 1 " -P "$(descendants $submit)" | head -1)
        kill -KILL "$victim"
        echo "killed executor 1 (process $victim) while units were being run" >&2
    fi
    wait $submit || { tail -40 "$work/$2.err"; exit 1; }
    seconds_since "$started"
}

# descendants PROCESS: it and all its children, with commas between them.
descendants() {
    local all=$1 children
    children=$(pgrep -P "$1" | paste -sd ' ' || true)
    for child in $children; do all+=",$(descendants "$child")"; done
    echo "$all"
}

rm -rf "$work/one" "$work/two" "$work/killed"
one=$(spark 1 one)
two=$(spark 2 two)
killed=$(spark 2 killed kill)
for base in one two killed; do
    diff <(sums "$work/alone") <(sums "$work/$base") || { echo "FAILED: $base is not what one process makes"; exit 1; }
done
echo "$(sums "$work/alone" | wc -l) files equal; seconds: one process $alone, one executor $one, two $two, two of which one was killed $killed"
