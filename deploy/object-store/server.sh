# Sourced by the scripts beside it: starts an S3 server on this machine (moto, from PyPI) on $port and its bucket `logs`, with
# keys in the environment, and stops it at the end. In: $work, a folder, and $port. Out: $moto, its process; upload; $python.
python=$work/venv/bin/python
if [ ! -x "$work/venv/bin/moto_server" ]; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet 'moto[server]' boto3
fi
"$work/venv/bin/moto_server" -H 127.0.0.1 -p "$port" >"$work/moto.out" 2>&1 &
moto=$!
trap 'kill $moto 2>/dev/null || true' EXIT
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=secret-canary AWS_REGION=us-east-1 AWS_ALLOW_HTTP=true
until curl -fs "http://127.0.0.1:$port/moto-api/" >/dev/null; do kill -0 $moto; sleep 0.2; done

# upload FOLDER PATTERN...: sends the files that match, under their names below the folder.
upload() {
    "$python" - "http://127.0.0.1:$port" "$@" <<'PYTHON'
import pathlib, sys
import boto3
bucket = boto3.resource("s3", endpoint_url=sys.argv[1], region_name="us-east-1").Bucket("logs")
bucket.create()
folder = pathlib.Path(sys.argv[2])
for path in [path for pattern in sys.argv[3:] for path in folder.glob(pattern) if path.is_file()]:
    bucket.upload_file(path, str(path.relative_to(folder)))
print(sum(1 for _ in bucket.objects.all()), "objects in s3://logs")
PYTHON
}
