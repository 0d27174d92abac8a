"""Runs the lines that a published card shows for PEFT, as they stand there.

Job: {"snippet": "...", "ids": [...]}. The lines leave `model`, which then reads `ids` in float32.
"""

import torch
from peft import get_peft_model_state_dict

import job as files


def main(job: dict) -> dict:
    names: dict = {}
    with files.caught() as warned:
        exec(compile(job["snippet"], "card", "exec"), names)  # noqa: S102: the lines are what is tested
    model = names["model"].float().eval()
    ids = torch.tensor([job["ids"]])
    with torch.no_grad():
        adapted = files.pack(model(input_ids=ids).logits[0])
        with model.disable_adapter():
            base = files.pack(model(input_ids=ids).logits[0])
    return {
        "logits": adapted,
        "base": base,
        "tensors": len(get_peft_model_state_dict(model)),
        "warnings": [text for text in warned if "adapter" in text.lower() or "key" in text.lower()],
    }


if __name__ == "__main__":
    files.run(main)
