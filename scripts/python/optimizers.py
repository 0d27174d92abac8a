"""AdamW of torch and 8-bit AdamW of bitsandbytes on given gradients, on the CPU.

Job: {"cases": [{"name", "kind": "torch" | "bitsandbytes", "parameter": tensor, "gradients": [tensor], "learningRate", "weightDecay",
"betas", "epsilon"}]}. Gives the parameter after every step, and for bitsandbytes the state after the first.
"""

import bitsandbytes
import torch

import job as files


def optimize(case: dict) -> dict:
    parameter = torch.nn.Parameter(torch.from_numpy(files.unpack(case["parameter"])))
    settings = {
        "lr": case["learningRate"],
        "weight_decay": case["weightDecay"],
        "betas": tuple(case["betas"]),
        "eps": case["epsilon"],
    }
    kind = torch.optim.AdamW if case["kind"] == "torch" else bitsandbytes.optim.AdamW8bit
    optimizer = kind([parameter], **settings)
    after, state = [], {}
    for gradient in case["gradients"]:
        parameter.grad = torch.from_numpy(files.unpack(gradient))
        optimizer.step()
        after.append(files.pack(parameter))
        if not state:
            state = {
                name: {"dtype": str(value.dtype), **files.pack(value)}
                for name, value in optimizer.state[parameter].items()
                if isinstance(value, torch.Tensor) and name in ("state1", "state2", "absmax1", "absmax2")
            }
    return {"after": after, "state": state}


def main(job: dict) -> dict:
    return {case["name"]: optimize(case) for case in job["cases"]}


if __name__ == "__main__":
    files.run(main)
