"""A checkpoint folder read into a model in float32, and its first token where `newTokens` asks for one: transformers."""

import time

from session import serve


def prepare(settings: dict) -> tuple:
    import torch
    from transformers import AutoTokenizer, GenerationConfig

    import models

    prompt = torch.tensor([settings["prompt"]])
    new_tokens = settings["newTokens"]

    def measure() -> dict:
        started = time.perf_counter()
        AutoTokenizer.from_pretrained(settings["model"])
        model = models.from_folder(settings["model"]).eval()
        if new_tokens > 0:
            config = GenerationConfig(do_sample=False, max_new_tokens=new_tokens, min_new_tokens=new_tokens, pad_token_id=0)
            with torch.no_grad():
                model.generate(input_ids=prompt, attention_mask=torch.ones_like(prompt), generation_config=config)
        return {"seconds": time.perf_counter() - started}

    return measure, {}


if __name__ == "__main__":
    serve(prepare)
