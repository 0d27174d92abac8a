"""An optimizer step of LoRA on a checkpoint folder in float32: transformers, PEFT, torch's AdamW."""

from session import serve


def prepare(settings: dict) -> tuple:
    import torch

    import models

    model = models.with_adapter(models.from_folder(settings["model"]), settings)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings["learningRate"], weight_decay=settings["weightDecay"])
    return models.training_step(model, optimizer, settings), {"trained": sum(parameter.numel() for parameter in trained)}


if __name__ == "__main__":
    serve(prepare)
