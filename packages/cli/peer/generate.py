"""Greedy, cached generation by a checkpoint folder in float32: transformers."""

import time

from session import serve


def prepare(settings: dict) -> tuple:
    import torch
    from transformers import GenerationConfig

    import models

    model = models.from_folder(settings["model"]).eval()
    prompts = torch.tensor(settings["prompts"])
    new_tokens = settings["newTokens"]
    config = GenerationConfig(do_sample=False, max_new_tokens=new_tokens, min_new_tokens=new_tokens, pad_token_id=0, use_cache=True)

    def measure() -> dict:
        started = time.perf_counter()
        with torch.no_grad():
            made = model.generate(input_ids=prompts, attention_mask=torch.ones_like(prompts), generation_config=config)
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "newTokens": (made.shape[1] - prompts.shape[1]) * made.shape[0]}

    return measure, {}


if __name__ == "__main__":
    serve(prepare)
