"""Writes the data files of other writers that the default tests read: packages/dataset/src/__fixtures__/{kitft,seed}."""

from pathlib import Path

from parquet_files import write

FIXTURES = Path(__file__).resolve().parents[2] / "packages" / "dataset" / "src" / "__fixtures__"

# What pyarrow does by default (snappy, dictionaries), and what else is met: zstd, gzip, plain lists, several row groups, pages of version 2.
KINDS = {
    ("kitft", "av_sft"): {"options": {}},
    ("kitft", "ar_sft"): {"options": {"compression": "zstd", "row_group_size": 5}},
    ("kitft", "rl"): {"vectors": "list", "options": {"compression": "gzip", "data_page_version": "2.0"}},
    ("seed", "av_sft"): {"vectors": "list", "options": {"row_group_size": 4}},
    ("seed", "ar_sft"): {"vectors": "double", "options": {"compression": "none", "use_dictionary": False}},
    ("seed", "rl"): {"options": {"compression": "lz4"}},
}

for (dialect, stage), kind in KINDS.items():
    folder = FIXTURES / dialect
    folder.mkdir(parents=True, exist_ok=True)
    write({"dialect": dialect, "stage": stage, "rows": 12, "width": 8, "layer": 5, "file": str(folder / f"{stage}.parquet"), **kind})
