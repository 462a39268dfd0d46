#!/usr/bin/env python3
"""Full-corpus evaluation with PyTorch: blocked matmul, seen items masked, topk, figures at several K.

    twinspire bench evaluate --config CONFIG --out VECTORS --set 'evaluate.k=[20,50,100,200,500]'
    python benches/peers/evaluate_torch.py VECTORS RUN/samples --part test --k 20,50,100,200,500 [--exact]

VECTORS holds queries.npy and items.npy as `twinspire bench evaluate --out` writes them; RUN/samples holds the queries
with their truth and the histories. The last line of stdout is JSON with the names of `twinspire bench evaluate --json`;
`seconds` counts matmul, mask and topk only, since figures are NumPy's here, while Twinspire's count everything.
With --exact scores and selection are NumPy's in float64, equal scores ordered by item: slow, and the judge of both.
Needs torch (2.x), numpy, polars.
"""

import argparse
import json
import os
import resource
import time

p = argparse.ArgumentParser()
p.add_argument("vectors")
p.add_argument("samples")
p.add_argument("--part", default="test")
p.add_argument("--k", default="20,50,100,200,500")
p.add_argument("--block", type=int, default=1024, help="queries that are scored at once")
p.add_argument("--threads", type=int, default=2)
p.add_argument("--rounds", type=int, default=3)
p.add_argument("--exact", action="store_true", help="float64 and an order of ties, by NumPy")
a = p.parse_args()
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = str(a.threads)

import numpy as np
import polars as pl
import torch

torch.set_num_threads(a.threads)
lengths = [int(k) for k in a.k.split(",")]
longest = max(lengths)
MISSING = 2**32 - 1


def ragged(lists):
    """Offsets and values of lists."""
    offsets = np.zeros(len(lists) + 1, np.int64)
    np.cumsum([len(one) for one in lists], out=offsets[1:])
    return offsets, np.concatenate([np.asarray(one, np.int64) for one in lists] or [np.empty(0, np.int64)])


def seen_of(queries, histories):
    """The history of every query as of its time."""
    past = histories["items"].to_list()
    rows = zip(queries["user"], queries["history_end"], queries["history_skip"])
    return [
        [] if user == MISSING else [item for at, item in enumerate(past[user][:end]) if at != skip]
        for user, end, skip in rows
    ]


def load():
    queries = pl.read_ipc(f"{a.samples}/queries/{a.part}.arrow")
    histories = pl.read_ipc(f"{a.samples}/histories.arrow", columns=["items"])
    vectors = [np.load(f"{a.vectors}/{name}.npy") for name in ("queries", "items")]
    return *vectors, ragged(queries["truth"].to_list()), ragged(seen_of(queries, histories))


def figures(found, truth, sums):
    """Adds recall, hit rate, NDCG, MRR and MAP of some queries; `found` [queries, longest], truth as (offsets, values)."""
    offsets, values = truth
    queries = len(found)
    # A hit is a pair (query, item) that is in the truth.
    base = 1 << 32
    keys = np.sort(np.repeat(np.arange(queries), np.diff(offsets)) * base + values)
    mine = np.arange(queries)[:, None] * base + found
    hit = keys[np.minimum(np.searchsorted(keys, mine), len(keys) - 1)] == mine
    sizes = np.diff(offsets)
    gain = 1 / np.log2(np.arange(longest) + 2)
    ideal = np.concatenate([[0], np.cumsum(gain)])
    cumulated = np.cumsum(hit, 1)
    precision = np.cumsum(hit * cumulated / np.arange(1, longest + 1), 1)
    gained = np.cumsum(hit * gain, 1)
    first = np.where(hit.any(1), hit.argmax(1), longest)
    for k in lengths:
        sums[f"recall@{k}"] += (cumulated[:, k - 1] / sizes).sum()
        sums[f"hit_rate@{k}"] += (first < k).sum()
        sums[f"ndcg@{k}"] += (gained[:, k - 1] / ideal[np.minimum(sizes, k)]).sum()
        sums[f"mrr@{k}"] += np.where(first < k, 1 / (first + 1), 0).sum()
        sums[f"map@{k}"] += (precision[:, k - 1] / sizes).sum()


def top_by_torch(queries, items, rows, columns):
    scores = queries @ items.T
    scores[rows, columns] = -torch.inf
    return torch.topk(scores, longest, dim=1).indices.numpy()


def top_by_numpy(queries, items, rows, columns):
    scores = queries @ items.T
    scores[rows, columns] = -np.inf
    # A stable sort of what reaches the last score keeps equal scores in the order of items.
    found = np.empty((len(scores), longest), np.int64)
    for query, row in enumerate(scores):
        last = np.partition(row, len(row) - longest)[len(row) - longest]
        reaching = np.flatnonzero(row >= last)
        found[query] = reaching[np.argsort(-row[reaching], kind="stable")[:longest]]
    return found


def evaluate(queries, items, truth, seen, top):
    """The figures, and the seconds that scoring and selection took of it."""
    searching = 0.0
    sums = {f"{name}@{k}": 0.0 for name in ("recall", "hit_rate", "ndcg", "mrr", "map") for k in lengths}
    for start in range(0, len(queries), a.block):
        end = min(start + a.block, len(queries))
        cut = lambda ragged: (ragged[0][start : end + 1] - ragged[0][start], ragged[1][ragged[0][start] : ragged[0][end]])
        (offsets, columns), part_truth = cut(seen), cut(truth)
        rows = np.repeat(np.arange(end - start), np.diff(offsets))
        started = time.perf_counter()
        found = top(queries[start:end], items, rows, columns)
        searching += time.perf_counter() - started
        figures(found, part_truth, sums)
    return {name: float(value) / len(queries) for name, value in sums.items()}, searching


def main():
    queries, items, truth, seen = load()
    if a.exact:
        queries, items, top = queries.astype(np.float64), items.astype(np.float64), top_by_numpy
    else:
        queries, items, top = torch.from_numpy(queries), torch.from_numpy(items), top_by_torch
    times = []
    for _ in range(1 if a.exact else a.rounds):
        started = time.perf_counter()
        metrics, searching = evaluate(queries, items, truth, seen, top)
        times.append((searching, time.perf_counter() - started))
    seconds, with_figures = sorted(times)[len(times) // 2]
    print(json.dumps({
        "script": "evaluate_numpy_f64" if a.exact else "evaluate_torch",
        "queries": len(queries), "items": len(items), "dimension": items.shape[1], "k": longest,
        "threads": a.threads, "block": a.block, "torch": torch.__version__, "seconds": seconds,
        "seconds_with_figures": with_figures,
        "queries_per_s": round(len(queries) / seconds),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "metrics": metrics,
    }))


main()
