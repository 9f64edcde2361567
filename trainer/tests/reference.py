#!/usr/bin/env python3
"""The measures of `trainer eval` by numpy and scipy, from two files of features:

    python3 reference.py reals.npy fakes.npy

Without files it prints the figures of the unit test in src/eval/distance.rs.
"""
import json
import sys

import numpy as np
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist


def kid(reals, fakes):
    """Unbiased MMD^2 under (x.y / d + 1)^3, over all pairs."""
    kernel = lambda a, b: (a @ b.T / a.shape[1] + 1) ** 3
    n, m = len(reals), len(fakes)
    rr, ff, rf = kernel(reals, reals), kernel(fakes, fakes), kernel(reals, fakes)
    return (rr.sum() - np.trace(rr)) / (n * (n - 1)) + (ff.sum() - np.trace(ff)) / (m * (m - 1)) - 2 * rf.mean()


def fid(reals, fakes):
    a, b = np.cov(reals, rowvar=False), np.cov(fakes, rowvar=False)
    root = sqrtm(a @ b)
    return float(((reals.mean(0) - fakes.mean(0)) ** 2).sum() + np.trace(a + b) - 2 * np.trace(root).real)


def radii(rows, k):
    return np.sort(cdist(rows, rows), axis=1)[:, k]


def neighbourhoods(reals, fakes):
    apart = cdist(reals, fakes)
    inside = apart <= radii(reals, 5)[:, None]
    return {
        "precision": float((apart <= radii(reals, 3)[:, None]).any(0).mean()),
        "recall": float((apart.T <= radii(fakes, 3)[:, None]).any(0).mean()),
        "density": float(inside.sum(0).mean() / 5),
        "coverage": float(inside.any(1).mean()),
    }


def all_of(reals, fakes):
    return {"kid": float(kid(reals, fakes)), "fid": fid(reals, fakes), **neighbourhoods(reals, fakes)}


def rows(count, width, shift):
    return np.sin(np.arange(count)[:, None] * 7.0 + np.arange(width)[None] * 3.0 + 1.0 + shift)


if len(sys.argv) == 3:
    print(json.dumps(all_of(*(np.load(path).astype(np.float64) for path in sys.argv[1:]))))
else:
    fakes = rows(50, 4, 0.3) * 1.2
    print(json.dumps({**all_of(rows(60, 4, 0.0), fakes), "kid": float(kid(rows(50, 4, 0.0), fakes))}))
