"""Runs the units of `twinspire samples` on Apache Spark. Spark moves no data: a task is one command.

    spark-submit samples.py --twinspire /opt/twinspire -- --config /mnt/shared/twinspire.toml --date 2026-11-20

What stands behind `--` goes to every `twinspire samples` command. Config, logs and `base_dir` lie on a file system that all
executors and the driver see under the same path. A unit may fail, be tried again or run twice: the result is the same.
"""

import argparse
import json
import subprocess

from pyspark.sql import SparkSession

TOLD = 2000  # last characters of a failed command that Spark shows


def command(program, step, flags):
    return [program, "samples", *step, *flags]


def run(words):
    """Runs a command and returns what it printed; its complaint becomes the error of the task."""
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}: {(done.stdout + done.stderr)[-TOLD:]}")
    return done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--twinspire", default="twinspire", help="the program, on every executor")
    parser.add_argument("flags", nargs="*", help="flags of `twinspire samples`, behind --")
    arguments = parser.parse_args()
    program, flags = arguments.twinspire, [*arguments.flags, "--quiet"]
    plan = json.loads(run(command(program, ["plan"], [*flags, "--json"])))["plan"]
    context = SparkSession.builder.appName("twinspire samples").getOrCreate().sparkContext
    for phase in plan["phases"]:
        first, units = phase["first"], phase["units"]
        context.setJobDescription(f"{phase['name']}: {units} units")
        numbers = context.parallelize(range(first, first + units), units)
        numbers.foreach(lambda number: run(command(program, ["unit", str(number)], [*flags, "--threads", "1"])))
    print(run(command(program, ["finish"], flags)))


if __name__ == "__main__":
    main()
