#!/usr/bin/env python3
"""Fetches the Open Bandit sample from PyPI and writes it as this example reads it.

usage: fetch.py OUT_DIR

`pip download` brings the package `obp` 0.4.1 (Apache-2.0), which carries 10,000 impressions for each of two policies
and three campaigns. Each becomes `impressions_<policy>_<campaign>.csv.gz` and `items_<policy>_<campaign>.csv.gz`.
The wide columns user-item_affinity_0, 1, … become one list column `affinity`: `item:clicks` joined by `|`.
"""

import csv
import gzip
import io
import pathlib
import subprocess
import sys
import tempfile
import zipfile

PACKAGE = "obp==0.4.1"
POLICIES = ["random", "bts"]
CAMPAIGNS = ["all", "men", "women"]
USER_FEATURES = [f"user_feature_{number}" for number in range(4)]
ITEM_COLUMNS = ["item_id"] + [f"item_feature_{number}" for number in range(4)]
AFFINITY = "user-item_affinity_"


def download(folder):
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE]
    subprocess.run(command, check=True)
    return zipfile.ZipFile(next(pathlib.Path(folder).glob("obp-*.whl")))


def table(archive, policy, campaign, name):
    with archive.open(f"obp/dataset/obd/{policy}/{campaign}/{name}.csv") as raw:
        yield from csv.DictReader(io.TextIOWrapper(raw, "utf-8", newline=""))


def affinity(row):
    counts = [(name.removeprefix(AFFINITY), float(value)) for name, value in row.items() if name.startswith(AFFINITY)]
    return "|".join(f"{item}:{count:.0f}" for item, count in counts if count > 0)


def impression(row):
    chosen = [row[name] for name in ["timestamp", "item_id", "position", "click", "propensity_score"]]
    return chosen + [row[name] for name in USER_FEATURES] + [affinity(row)]


def write(path, header, rows):
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
        with io.TextIOWrapper(packed, "utf-8", newline="") as text:
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    header = ["timestamp", "item_id", "position", "click", "propensity"] + USER_FEATURES + ["affinity"]
    with tempfile.TemporaryDirectory() as folder:
        archive = download(folder)
        for policy in POLICIES:
            for campaign in CAMPAIGNS:
                impressions = map(impression, table(archive, policy, campaign, campaign))
                write(out / f"impressions_{policy}_{campaign}.csv.gz", header, impressions)
                items = ([row[name] for name in ITEM_COLUMNS] for row in table(archive, policy, campaign, "item_context"))
                write(out / f"items_{policy}_{campaign}.csv.gz", ITEM_COLUMNS, items)
    print(f"wrote 6 impression logs and 6 item tables to {out}")


if __name__ == "__main__":
    main()
