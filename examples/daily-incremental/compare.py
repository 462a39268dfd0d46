#!/usr/bin/env python3
"""A new model every week, from the model of the week before or anew.

Trains each way with each seed on the same weeks, and prints full-corpus recall of the week that followed over all weeks
(mean and standard deviation of the seeds), and the CPU seconds that training took. The first week is trained anew by every way
and is not counted. What is there is skipped. Python 3.9 or later, nothing else.

    examples/daily-incremental/compare.py DATA WORK --twinspire target/release/twinspire

DATA holds ratings.csv.gz, items.csv.gz and users.csv.gz as examples/movielens/README.md says.
"""

import argparse
import datetime
import gzip
import json
import pathlib
import resource
import shutil
import statistics
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
FIRST = datetime.date(1997, 9, 20)
DAYS = 215
WEEKS = [datetime.date(1998, 2, 7) + datetime.timedelta(weeks=week) for week in range(6)]
FEW = ["--set", "train.epochs=3"]
WARM = ["--set", "train.warm_start=previous"]
WAYS = {
    "anew, 15 epochs": [],
    "anew, 3 epochs": FEW,
    "warm, 3 epochs": FEW + WARM,
}


def write_logs(data, work):
    """One folder a day. The two days without ratings repeat a low one of the day before, which counts for nothing."""
    lines = {FIRST + datetime.timedelta(days=day): [] for day in range(DAYS)}
    with gzip.open(data / "ratings.csv.gz", "rt") as file:
        header = next(file)
        for line in file:
            moment = datetime.datetime.fromtimestamp(int(line.split(",")[3]), datetime.timezone.utc)
            lines[moment.date()].append(line)
    low = []
    for day, rows in lines.items():
        rows = rows or low
        low = [row for row in rows if int(row.split(",")[2]) < 4][:1] or low
        folder = work / f"logs/date={day}"
        folder.mkdir(parents=True, exist_ok=True)
        with gzip.open(folder / "ratings.csv.gz", "wt") as file:
            file.writelines([header, *rows])
    for name in ["items.csv.gz", "users.csv.gz"]:
        shutil.copy(data / name, work / name)


def cpu_seconds():
    """CPU seconds of all commands so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def one_week(options, way, seed, week, words):
    """(queries, recall@20, recall@100, CPU seconds of training) of one run."""
    base = options.work / f"runs-{list(WAYS).index(way)}-{seed}"
    whole = ["--days", str((week - FIRST).days + 1)]
    common = ["--config", HERE / "twinspire.toml", "--data", options.work, "--base-dir", base, "--seed", str(seed)]
    common += ["--threads", str(options.threads)]
    common += ["--date", str(week), "--json", "--quiet", *whole, *words]

    def run(stage):
        done = subprocess.run([options.twinspire, stage, *common], stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)

    run("samples")
    begun = cpu_seconds()
    run("train")
    seconds = cpu_seconds() - begun
    run("export")
    report = run("evaluate")["report"]
    row = next(row for row in report["rows"] if row["name"] == "two_tower")
    return report["queries"], row["metrics"]["recall@20"], row["metrics"]["recall@100"], seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--twinspire", default="twinspire")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    if not (options.work / "logs").exists():
        write_logs(options.data, options.work)
    print(f"{'way':16} {'recall@20':>17} {'recall@100':>17} {'s a week':>9}")
    for way, words in WAYS.items():
        means, seconds = [], []
        for seed in options.seeds:
            weeks = [one_week(options, way, seed, week, words if week != WEEKS[0] else []) for week in WEEKS][1:]
            queries = sum(week[0] for week in weeks)
            means.append([sum(week[0] * week[figure] for week in weeks) / queries for figure in (1, 2)])
            seconds += [week[3] for week in weeks]
        columns = [f"{statistics.mean(own):.4f} ± {statistics.stdev(own) if len(own) > 1 else 0:.4f}" for own in zip(*means)]
        print(f"{way:16} {columns[0]:>17} {columns[1]:>17} {statistics.mean(seconds):9.2f}", flush=True)


if __name__ == "__main__":
    main()
