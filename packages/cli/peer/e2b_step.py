"""An optimizer step of LoRA on random NF4 weights of one geometry: transformers, PEFT, bitsandbytes, activations computed again."""

from session import peak_bytes, serve


def prepare(settings: dict) -> tuple:
    import bitsandbytes

    import models

    base, packed = models.random_quantized_model(settings["geometry"], models.DTYPES[settings["dtype"]])
    built = peak_bytes()
    model = models.with_adapter(base, settings)
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = bitsandbytes.optim.AdamW8bit(trained, lr=settings["learningRate"], weight_decay=settings["weightDecay"])
    facts = {"trained": sum(parameter.numel() for parameter in trained), "builtPeakBytes": built, "dtype": settings["dtype"], **packed}
    return models.training_step(model, optimizer, settings), facts


if __name__ == "__main__":
    serve(prepare)
