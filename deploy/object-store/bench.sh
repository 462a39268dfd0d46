#!/usr/bin/env bash
# Rows per second of the same logs from local files and from an S3 server on this machine (moto), in turns. DATA is a folder of
# logs, CONFIG their config, ROUNDS how often each (by default 3). It needs python3 with venv, curl, jq, and TWINSPIRE, a
# program that was built with `--features object-store` (by default the one of PATH).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
twinspire=$(command -v "${TWINSPIRE:-twinspire}")
work=${WORK:-$(mktemp -d)}
port=${PORT:-5057}
. "$here/server.sh"
upload "$DATA" '**/*'
export AWS_ENDPOINT="http://127.0.0.1:$port"

# measure FOLDER: one line of figures; what was made goes.
measure() {
    rm -rf "$work/made"
    "$twinspire" bench samples --config "$CONFIG" --data "$1" --base-dir "$work/made" --json |
        jq -r --arg data "$1" '"\($data): \(.rows) rows, \(.rows_per_s) rows/s, \(.seconds) s, \(.peak_rss_mib) MiB; \(.phase_s)"'
}
for _ in $(seq "${ROUNDS:-3}"); do
    measure "$DATA"
    measure s3://logs
done
rm -rf "$work/made"
