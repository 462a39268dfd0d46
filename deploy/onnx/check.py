#!/usr/bin/env python3
"""Checks the ONNX files of a folder that `twinspire export --towers` made.

    pip install onnx onnxruntime numpy
    python deploy/onnx/check.py twinspire-data/runs/2026-11-20/towers

Both files must pass onnx.checker, and onnxruntime must give the vectors of examples.json within 1e-5.
Written for onnx 1.x and onnxruntime 1.x.
"""

import json
import pathlib
import sys

import numpy
import onnx
import onnxruntime

TOLERANCE = 1e-5


def tensor(described):
    return numpy.array(described["values"], dtype=described["type"]).reshape(described["shape"])


def main(folder):
    examples = json.loads((folder / "examples.json").read_text())
    worst = 0.0
    for tower, example in examples.items():
        path = folder / f"{tower}.onnx"
        onnx.checker.check_model(str(path), full_check=True)
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        inputs = {name: tensor(described) for name, described in example["inputs"].items()}
        expected = tensor(example["vector"])
        (found,) = session.run(["vector"], inputs)
        difference = float(numpy.abs(found - expected).max())
        worst = max(worst, difference)
        print(f"{tower}: {len(expected)} rows of {expected.shape[1]}, largest difference {difference:.2e}")
    return 0 if worst <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
