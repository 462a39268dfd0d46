#!/usr/bin/env python3
"""Divides the ratings at random, as the tutorial of TensorFlow Recommenders does: 80,000 train, 20,000 judge.

usage: split.py DIR SEED

Reads ratings.csv.gz of DIR and writes train.csv.gz and test.csv.gz beside it.
"""

import csv
import gzip
import pathlib
import random
import sys

TRAIN_ROWS = 80_000


def write(path, rows):
    with gzip.open(path, "wt", encoding="utf-8", newline="") as text:
        csv.writer(text, lineterminator="\n").writerows(rows)


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    folder, seed = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    with gzip.open(folder / "ratings.csv.gz", "rt", encoding="utf-8", newline="") as text:
        header, *rows = csv.reader(text)
    random.Random(seed).shuffle(rows)
    write(folder / "train.csv.gz", [header] + rows[:TRAIN_ROWS])
    write(folder / "test.csv.gz", [header] + rows[TRAIN_ROWS:])


if __name__ == "__main__":
    main()
