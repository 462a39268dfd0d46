"""Rows that the cleaning rules of examples/talkingdata and examples/avazu leave out, counted in Polars 1.x.

    python benches/peers/cleaning_polars.py FOLDER_OF_TALKINGDATA FOLDER_OF_AVAZU
"""
import sys

import polars as pl

talkingdata, avazu = sys.argv[1:]

read = pl.read_csv(f"{talkingdata}/clicks.csv.gz")
# Times are those of Asia/Shanghai; windows follow each other from 1970-01-01 UTC.
hour = (pl.col("click_time").str.to_datetime("%Y-%m-%d %H:%M:%S").dt.epoch("s") - 8 * 3600) // 3600
read = read.with_columns(hour.alias("hour"))
busy = read.group_by("ip", "hour").len().filter(pl.col("len") > 20)
shared = read.group_by("ip").agg(pl.struct("device", "os").n_unique().alias("users")).filter(pl.col("users") > 50)
unique = read.unique(subset=["ip", "device", "os", "app", "click_time"], keep="first", maintain_order=True)
slow = unique.join(busy, on=["ip", "hour"], how="anti")
alone = slow.join(shared, on="ip", how="anti")
print("talkingdata: duplicate", read.height - unique.height)
print("talkingdata: rate(ip, 1h)", unique.height - slow.height)
print("talkingdata: users(ip)", slow.height - alone.height)

read = pl.read_csv(f"{avazu}/impressions.csv.gz", infer_schema_length=0).with_columns(pl.col("click").cast(int))
of_address = read.group_by("device_ip").agg(pl.len().alias("rows"), pl.col("click").mean().alias("rate"))
# The sample is of one hour, which is one window.
slow = read.join(of_address.filter(pl.col("rows") > 60), on="device_ip", how="anti")
robots = of_address.filter((pl.col("rate") > 0.5) & (pl.col("rows") >= 5))
human = slow.join(robots, on="device_ip", how="anti")
print("avazu: rate(device_ip, 1h)", read.height - slow.height)
print("avazu: click_rate(device_ip)", slow.height - human.height)
