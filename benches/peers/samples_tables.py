"""Brings the samples of `twinspire bench samples --out RUN` into the tables of other engines, to compare them.

    python benches/peers/samples_tables.py RUN/runs/DATE/samples OUT

Users and items become numbers in the order of their names, times become seconds. A sample here points at a position in
the history of its user; there it holds the 50 items before it in the order (time, item), those of its own second included,
which here are not seen. So the lists are written in that order, and what a sample sees here is checked by itself: the
items of her history that are older than the sample, not one more or less. (Polars 2.x)
"""
import os
import sys

import polars as pl

folder, out = sys.argv[1:]
os.makedirs(out, exist_ok=True)
histories = pl.read_ipc(f"{folder}/histories.arrow").with_row_index("row")
rank = histories.sort("user").with_row_index("number").sort("row")["number"].cast(pl.Int32)
clicks = histories.select("row", "items", "times").explode("items", "times").drop_nulls()
older = clicks.sort("row", "times").with_columns(before=pl.col("times").rank("min").over("row") - 1)
older = older.select("row", "times", "before").unique()


def samples(part):
    columns = ["user", "item", "time", "history_end"]
    rows = pl.concat(pl.read_ipc(f"{folder}/{part}/{name}", columns=columns) for name in sorted(os.listdir(f"{folder}/{part}")))
    seen = rows.join(older, left_on=["user", "time"], right_on=["row", "times"], how="left")
    assert len(seen) == len(rows) and (seen["history_end"] == seen["before"]).all(), "a sample sees what is not older"
    return rows.select(user=rank.gather(rows["user"]), item=pl.col("item").cast(pl.Int32), time=pl.col("time") // 1_000_000,
                       part=pl.lit(part))


both = pl.concat([samples("train"), samples("validation")]).sort("user", "time", "item")
assert len(both) == len(clicks), "every click is a sample"
both = both.with_columns(position=pl.int_range(pl.len(), dtype=pl.Int32).over("user"))
windows = both.rolling("position", period="50i", closed="left", group_by="user").agg(history=pl.col("item"))
both = both.with_columns(windows["history"])
for part in ("train", "validation"):
    both.filter(pl.col("part") == part).drop("part", "position").write_parquet(f"{out}/{part}.parquet")
