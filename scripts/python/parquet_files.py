"""Data files as upstream's Python tools write them, and what pyarrow says of a file: `parquet_files.py write|read <job as JSON>`.

`make_parquet_fixtures.py` writes the committed ones; the tests tagged `python` write every other kind.
"""

import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq

PROMPT = [{"role": "user", "content": "What does <concept><INJECT></concept> mean?"}]
AR_BEFORE, AR_AFTER = "Text: <text>", "</text> <vector>"
MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
FAMILIES = ["fwe_", "wik_", "arx_", "doc_"]


def vector(row, width):
    """Exact in float32, different in every row."""
    return [(row * width + column) / 16 - 3 for column in range(width)]


def vector_type(kind, width):
    if kind == "fixed":
        return pa.list_(pa.float32(), width)
    return pa.list_(pa.float64() if kind == "double" else pa.float32())


def table(dialect, stage, rows, width, layer, kind):
    explanations = [f"feature {row}; ünïcode 㐀\nsecond line {row % 3}" for row in range(rows)]
    documents = [
        f"{FAMILIES[row // 2 % 4]}{row // 2:06d}" if dialect == "seed" else f"HuggingFaceFW/fineweb:train:{row // 2}"
        for row in range(rows)
    ]
    columns = {}
    if stage == "ar_sft":
        columns["prompt"] = pa.array([AR_BEFORE + text + AR_AFTER for text in explanations])
    else:
        columns["prompt"] = pa.array([PROMPT] * rows, MESSAGES)
    if stage == "av_sft":
        columns["response"] = pa.array([f"<explanation>\n{text}\n</explanation>" for text in explanations])
    columns["activation_vector"] = pa.array([vector(row, width) for row in range(rows)], vector_type(kind, width))
    columns["n_raw_tokens"] = pa.array([51 + row for row in range(rows)], pa.int64())
    columns["activation_layer"] = pa.array([layer] * rows, pa.int64())
    columns["doc_id"] = pa.array(documents)
    columns["detokenized_text_truncated"] = pa.array([f"some text {row}" for row in range(rows)])
    if dialect == "seed":
        columns["labeler_model"] = pa.array([["gemini-2.5-pro", "claude-haiku"][row % 2] for row in range(rows)])
    return pa.table(columns)


def write(job):
    made = table(job["dialect"], job["stage"], job["rows"], job["width"], job["layer"], job.get("vectors", "fixed"))
    pq.write_table(made, job["file"], **job.get("options", {}))
    return {"rows": made.num_rows}


def read(job):
    """Types and values of a file; vectors also as the fixed-size lists that upstream's trainers make of them."""
    found = pq.read_table(job["file"])
    vectors = found["activation_vector"].combine_chunks()
    width = len(vectors[0])
    fixed = vectors.cast(pa.list_(pa.float32(), width))
    return {
        "schema": {field.name: str(field.type) for field in found.schema},
        "rows": found.select(job.get("columns", found.column_names)).to_pylist() if job.get("values", True) else None,
        "rowGroups": pq.ParquetFile(job["file"]).num_row_groups,
        "fixed": str(fixed.type),
        "sum": sum(fixed.flatten().to_pylist()),
    }


if __name__ == "__main__":
    print(json.dumps({"write": write, "read": read}[sys.argv[1]](json.loads(sys.argv[2]))))
