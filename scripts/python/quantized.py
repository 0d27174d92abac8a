"""NF4 checkpoints in transformers with the real bitsandbytes on the CPU.

Job: {"ids": [...], "save": [{"name", "model", "out", "doubleQuant", "dtype"}], "load": [{"name", "model"}]}. Quantises and saves every
model of `save`, then loads every folder of `load` and gives its logits and the dequantised values of every packed linear.

Logits are computed twice: `native` as loaded, `logits` with every float tensor widened to float32 (the values of the weights stay).
Processors with AVX-512 BF16 get another path in bitsandbytes, which repacks weights in place and rounds their absmax values: it is
switched off, so that the result does not depend on the processor.
"""

import bitsandbytes
import torch
from bitsandbytes.functional import dequantize_4bit
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

import job as files


def logits(model: torch.nn.Module, ids: list[int]) -> dict:
    with torch.no_grad():
        return files.pack(model(input_ids=torch.tensor([ids])).logits[0])


def linears(model: torch.nn.Module) -> dict[str, bitsandbytes.nn.Linear4bit]:
    return {name: module for name, module in model.named_modules() if isinstance(module, bitsandbytes.nn.Linear4bit)}


def widen(model: torch.nn.Module) -> None:
    """Computes in float32 what was loaded in less; weights stay the values that they have in the dtype they were packed from.

    bitsandbytes' CPU path dequantises to the dtype of the input whatever the file says, so that widening its input would also take the
    rounding of the weights away: linears packed from less than float32 become plain ones with the dequantised values.
    """
    for name, module in linears(model).items():
        if module.weight.quant_state.dtype == torch.float32:
            continue
        plain = torch.nn.Linear(module.in_features, module.out_features, bias=False)
        plain.weight.data = dequantised(module).float()
        model.set_submodule(name, plain)
    packed = {id(module.weight) for module in linears(model).values()}
    for tensor in [*model.parameters(), *model.buffers()]:
        if id(tensor) not in packed and tensor.is_floating_point():
            tensor.data = tensor.data.float()


def dequantised(module: bitsandbytes.nn.Linear4bit) -> torch.Tensor:
    return dequantize_4bit(module.weight.data, module.weight.quant_state)


def save(one: dict) -> dict:
    dtype = getattr(torch, one["dtype"])
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=one["doubleQuant"],
        bnb_4bit_compute_dtype=dtype,
    )
    model = AutoModelForCausalLM.from_pretrained(
        one["model"], quantization_config=config, attn_implementation="eager", dtype=dtype, device_map="cpu"
    )
    model.save_pretrained(one["out"])
    return {"linears": len(linears(model))}


def load(one: dict, ids: list[int]) -> dict:
    with files.caught() as warned:
        model, info = AutoModelForCausalLM.from_pretrained(
            one["model"], attn_implementation="eager", device_map="cpu", output_loading_info=True
        )
    model.eval()
    for module in linears(model).values():
        module.support_avx512bf16_for_cpu = False
    weights = {f"{name}.weight": files.pack(dequantised(module)) for name, module in linears(model).items()}
    native = logits(model, ids)
    dtypes = sorted({str(module.compute_dtype) for module in linears(model).values()})
    widen(model)
    return {
        "native": native,
        "logits": logits(model, ids),
        "weights": weights,
        "computeDtypes": dtypes,
        "missing": sorted(info["missing_keys"]),
        "unexpected": sorted(info["unexpected_keys"]),
        "mismatched": sorted(str(key) for key in info["mismatched_keys"]),
        "warnings": warned,
    }


def main(job: dict) -> dict:
    saved = {one["name"]: save(one) for one in job.get("save", [])}
    return {"save": saved, "load": {one["name"]: load(one, job["ids"]) for one in job.get("load", [])}}


if __name__ == "__main__":
    files.run(main)
