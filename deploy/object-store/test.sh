#!/usr/bin/env bash
# Makes the samples of a made-up world from an S3 server on this machine (moto): undisturbed, through a proxy that refuses and
# cuts, and in units of two machines that share a bucket and no disk, one of them killed half-way. Compares them with those
# from local files, byte for byte. One command; it needs python3 with venv, curl, jq, and TWINSPIRE, a program that was built
# with `--features object-store` (by default the one of PATH).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
twinspire=$(command -v "${TWINSPIRE:-twinspire}")
work=${WORK:-$(mktemp -d)}
port=${PORT:-5057}
echo "working in $work"
. "$here/server.sh"
"$python" "$here/proxy.py" $((port + 1)) "$port" >"$work/proxy.out" 2>&1 &
proxy=$!
trap 'kill $moto $proxy 2>/dev/null || true' EXIT

# Logs with their config, here and in the bucket, and the samples from local files.
[ -d "$work/world" ] || "$twinspire" demo --dir "$work/world" --quiet >/dev/null
upload "$work/world" 'logs/**/*.*' '*.csv' '*.csv.gz'
flags=(--config "$work/world/twinspire.toml" --quiet --json)
rm -rf "$work/local" "$work/s3" "$work/trouble"
"$twinspire" samples "${flags[@]}" --base-dir "$work/local" >"$work/local.json"

# sums FOLDER: checksums of all samples, without the manifest, which holds times.
sums() { (cd "$1/runs" && find . -path '*/samples/*' -type f ! -name manifest.json -exec sha256sum {} + | sort -k2); }

# samples PORT NAME: the samples from the bucket.
samples() {
    AWS_ENDPOINT="http://127.0.0.1:$1" "$twinspire" samples "${flags[@]}" --data s3://logs --base-dir "$work/$2" >"$work/$2.json"
    diff <(sums "$work/local") <(sums "$work/$2") || { echo "FAILED: $2 is not what local files give"; exit 1; }
    echo "$2: $(sums "$work/$2" | wc -l) files equal; read $(jq '.samples.files_read' "$work/$2.json") files"
}
samples "$port" s3
samples "$port" s3
samples $((port + 1)) trouble
kill $proxy && wait $proxy || true
cat "$work/proxy.out"

# unit MACHINE NUMBER: one unit, on a machine with a disk of its own.
in_bucket=("${flags[@]}" --data s3://logs --set 'samples.units="s3://logs/units"' --set samples.memory_mib=16)
export AWS_ENDPOINT="http://127.0.0.1:$port"
unit() { "$twinspire" samples unit "$2" "${in_bucket[@]}" --base-dir "$work/$1" >"$work/unit.json"; }

rm -rf "$work"/machine-[abc]
units=$("$twinspire" samples plan "${in_bucket[@]}" --base-dir "$work/machine-a" | jq '[.plan.phases[].units] | add')
for number in $(seq 0 $((units - 1))); do
    machine=machine-$([ $((number % 2)) = 0 ] && echo a || echo b)
    if [ $((number % 8)) = 3 ]; then
        unit "$machine" "$number" &
        victim=$!
        sleep "0.0$((number % 5))"
        pkill -KILL -P "$victim" || true
        wait "$victim" || true
        unit machine-a "$number" &
        unit machine-b "$number"
        wait $!
    else
        unit "$machine" "$number"
    fi
done
"$twinspire" samples finish "${in_bucket[@]}" --base-dir "$work/machine-c" >"$work/finish.json"
"$twinspire" samples "${flags[@]}" --set samples.memory_mib=16 --base-dir "$work/local16" >/dev/null
diff <(sums "$work/local16") <(sums "$work/machine-c") || { echo "FAILED: units in a bucket make other samples"; exit 1; }
echo "units: $units of them in s3://logs/units; $(sums "$work/machine-c" | wc -l) files equal"

# What cannot work is said, and no secret is.
complaint() { jq -r '"\(.error.code): \(.error.message)\n  hint: \(.error.hint)"' "$work/error.json"; }
for data in s3://none s3://logs/none; do
    "$twinspire" samples "${flags[@]}" --data "$data" --base-dir "$work/none" >"$work/error.json" && { echo "FAILED: $data was read"; exit 1; }
    complaint
done
env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY AWS_EC2_METADATA_DISABLED=true \
    "$twinspire" samples "${flags[@]}" --data s3://logs --base-dir "$work/none" >"$work/error.json" && { echo "FAILED: no keys were needed"; exit 1; }
complaint
if grep -rl secret-canary "$work"/{s3,trouble,machine-a,machine-b,machine-c,*.json}; then echo "FAILED: a secret was written"; exit 1; fi
