"""Adapters in the real PEFT, on transformers' Gemma 4 in float32 with eager attention.

Job: {"ids": [...], "load": [{"name", "model", "adapter", "subfolder"?}], "save": [{"name", "model", "out", "targets", "rank", "alpha",
"rankStabilized", "seed"}]}. Loads every adapter of `load` and says what came of it; makes and saves every one of `save`.
A model whose configuration is `gemma4_text` gets the text-only class, any other the class with the wrapper.
"""

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file
from transformers import AutoConfig, Gemma4ForCausalLM, Gemma4ForConditionalGeneration

import job as files


def base_model(folder: str) -> torch.nn.Module:
    text_only = AutoConfig.from_pretrained(folder).model_type == "gemma4_text"
    kind = Gemma4ForCausalLM if text_only else Gemma4ForConditionalGeneration
    return kind.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()


def logits(model: torch.nn.Module, ids: list[int]) -> dict:
    with torch.no_grad():
        return files.pack(model(input_ids=torch.tensor([ids])).logits[0])


def load(one: dict, ids: list[int]) -> dict:
    model = base_model(one["model"])
    base = logits(model, ids)
    subfolder = one.get("subfolder")
    place = {} if subfolder is None else {"subfolder": subfolder}
    with files.caught() as warned:
        adapted = PeftModel.from_pretrained(model, one["adapter"], **place).eval()
    stored = load_file("/".join([one["adapter"], *([] if subfolder is None else [subfolder]), "adapter_model.safetensors"]))
    used = get_peft_model_state_dict(adapted)
    return {
        "modelClass": type(model).__name__,
        "base": base,
        "logits": logits(adapted, ids),
        "missing": sorted(set(used) - set(stored)),
        "unexpected": sorted(set(stored) - set(used)),
        "changed": sorted(name for name in set(used) & set(stored) if not torch.equal(used[name], stored[name].float())),
        "tensors": len(used),
        # What was said about the adapter; other warnings are none of its business.
        "warnings": [text for text in warned if "adapter" in text.lower() or "key" in text.lower()],
    }


def save(one: dict, ids: list[int]) -> dict:
    torch.manual_seed(one["seed"])
    config = LoraConfig(
        r=one["rank"],
        lora_alpha=one["alpha"],
        target_modules=one["targets"],
        use_rslora=one["rankStabilized"],
        lora_dropout=0.1,
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base_model(one["model"]), config).eval()
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    model.save_pretrained(one["out"])
    return {"logits": logits(model, ids), "tensors": len(get_peft_model_state_dict(model))}


def main(job: dict) -> dict:
    ids = job["ids"]
    return {
        "load": {one["name"]: load(one, ids) for one in job.get("load", [])},
        "save": {one["name"]: save(one, ids) for one in job.get("save", [])},
    }


if __name__ == "__main__":
    files.run(main)
