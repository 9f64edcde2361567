"""Reads exports with the packages they are made for: TEST_PYTHON tests/read_exports.py DIR.

DIR holds imagefolder/, webdataset/ and parquet/, exports of one version at 16 px. Prints `read N` where
all agree.
"""

import glob
import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["CROISSANT_CACHE"] = os.path.join(sys.argv[1], "croissant")
os.environ["HF_DATASETS_CACHE"] = os.path.join(sys.argv[1], "cache")

import mlcroissant
import webdataset
from datasets import Image, load_dataset

home = sys.argv[1]
heads = {}
for form in ["imagefolder", "parquet"]:
    loaded = load_dataset(os.path.join(home, form))
    assert isinstance(loaded["train"].features["image"], Image), loaded["train"].features
    for split, rows in loaded.items():
        for row in rows:
            assert row["image"].size == (16, 16), row["image"].size
            heads.setdefault(form, {})[row["head"]] = (split, row["artist"], row["likes"], row["image"].tobytes())

for split in ["train", "validation"]:
    files = sorted(glob.glob(os.path.join(home, "webdataset", f"{split}-*.tar")))
    for picture, about in webdataset.WebDataset(files, shardshuffle=False).decode("pil").to_tuple("png", "json"):
        entry = (split, about["artist"], about["likes"], picture.convert("RGB").tobytes())
        heads.setdefault("webdataset", {})[about["head"]] = entry
# The package `datasets` reads WebDataset too, by the patterns of the card.
loaded = load_dataset(os.path.join(home, "webdataset"))
assert sum(len(rows) for rows in loaded.values()) == len(heads["webdataset"])

assert heads["imagefolder"] == heads["parquet"] == heads["webdataset"]

for form, record_set in [("imagefolder", "train"), ("webdataset", "train"), ("parquet", "train")]:
    described = mlcroissant.Dataset(jsonld=os.path.join(home, form, "croissant.json"))
    issues = described.metadata.ctx.issues
    assert not issues.errors, issues.report()
    # No time is part of a version.
    assert all("datePublished" in warning for warning in issues.warnings), issues.report()
    names = [json.loads(json.dumps(record, default=str)) for record in described.records(record_set)]
    expected = sum(1 for entry in heads[form].values() if entry[0] == "train")
    assert len(names) == expected, (form, len(names), expected)
    assert {entry["train/head"] for entry in names} <= set(heads[form]) | {
        str(head.encode()) for head in heads[form]
    }
for form in ["imagefolder", "webdataset"]:
    described = mlcroissant.Dataset(jsonld=os.path.join(home, form, "croissant.json"))
    for record in described.records("train-heads"):
        assert record["train-heads/image"].size == (16, 16), record
print("read", len(heads["parquet"]))
