"""The models of the peer scripts: a checkpoint folder by transformers, and a geometry with random weights and NF4 linears."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


def from_folder(folder: str) -> nn.Module:
    """A checkpoint of either class of Gemma 4, computing in float32."""
    from transformers import AutoConfig, Gemma4ForCausalLM, Gemma4ForConditionalGeneration

    text_only = AutoConfig.from_pretrained(folder).model_type == "gemma4_text"
    kind = Gemma4ForCausalLM if text_only else Gemma4ForConditionalGeneration
    return kind.from_pretrained(folder, dtype=torch.float32)


def with_adapter(model: nn.Module, settings: dict) -> nn.Module:
    """LoRA by PEFT, its B matrices small and random, so that no gradient is zero by construction; in training mode."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=settings["rank"],
        lora_alpha=settings["alpha"],
        lora_dropout=settings["dropout"],
        target_modules=settings["targets"],
        task_type="CAUSAL_LM",
    )
    adapted = get_peft_model(model, config)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter, std=0.01)
    return adapted.train()


def training_step(model: nn.Module, optimizer: torch.optim.Optimizer, settings: dict) -> Callable[[], dict]:
    """What makes one optimizer step on random tokens: the loss on every next token, gradients clipped."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    vocabulary = model.get_input_embeddings().num_embeddings

    def step() -> dict:
        ids = torch.randint(0, vocabulary, (settings["batch"], settings["length"]))
        started = time.perf_counter()
        loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        passed = time.perf_counter()
        nn.utils.clip_grad_norm_(trained, settings["clipNorm"])
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        ended = time.perf_counter()
        return {
            "seconds": ended - started,
            "passSeconds": passed - started,
            "updateSeconds": ended - passed,
            "loss": loss.item(),
        }

    return step


@contextmanager
def without_large_weights() -> Iterator[None]:
    """Within it, linears and embeddings are made without memory; everything else, norms and buffers, is really there."""
    kept = [(kind, kind.__init__) for kind in (nn.Linear, nn.Embedding)]

    def on_meta(init: Callable[..., None]) -> Callable[..., None]:
        def made(self: nn.Module, *arguments: object, **named: object) -> None:
            init(self, *arguments, **{**named, "device": "meta"})

        return made

    for kind, init in kept:
        kind.__init__ = on_meta(init)
    try:
        yield
    finally:
        for kind, init in kept:
            kind.__init__ = init


def random_weights(shape: torch.Size | tuple[int, int], dtype: torch.dtype) -> torch.Tensor:
    """Normal values that keep activations of order one; a block of a million is drawn, and repeated."""
    block = torch.randn(1 << 20, generator=torch.Generator().manual_seed(0)).mul_(shape[-1] ** -0.5).to(dtype)
    weights = torch.empty(shape, dtype=dtype)
    for piece in weights.view(-1).split(len(block)):
        piece.copy_(block[: len(piece)])
    return weights


def quantized_linear(weights: torch.Tensor, compute: torch.dtype) -> tuple[nn.Module, float]:
    """A linear of bitsandbytes with NF4 weights and double quantisation, and the seconds that quantising took."""
    import bitsandbytes

    rows, columns = weights.shape
    linear = bitsandbytes.nn.Linear4bit(columns, rows, bias=False, compute_dtype=compute, quant_type="nf4", device="meta")
    packed = bitsandbytes.nn.Params4bit(weights, requires_grad=False, quant_type="nf4", compress_statistics=True, module=linear)
    started = time.perf_counter()
    linear.weight = packed.to("cpu")
    return linear, time.perf_counter() - started


FLOATS = ("attention_dropout", "final_logit_softcapping", "initializer_range", "partial_rotary_factor", "rms_norm_eps", "rope_theta")


def with_floats(geometry: dict) -> dict:
    """The same with floats where transformers insists on them: JSON written by JavaScript has 30 for 30.0."""
    return {
        name: with_floats(value) if isinstance(value, dict) else float(value) if name in FLOATS and value is not None else value
        for name, value in geometry.items()
    }


def random_quantized_model(geometry: dict, dtype: torch.dtype) -> tuple[nn.Module, dict]:
    """
    A decoder of that geometry. Its linears are filled and packed one by one; the embedding is tied to the head, and the per-layer table
    is kept in bfloat16 whatever the rest is. Returns how many weights were packed in how many seconds, too.
    """
    from transformers import Gemma4ForCausalLM, Gemma4TextConfig

    usual = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with without_large_weights():
            model = Gemma4ForCausalLM(Gemma4TextConfig(**with_floats(geometry)))
    finally:
        torch.set_default_dtype(usual)
    packed, seconds = 0, 0.0
    for path, module in list(model.named_modules()):
        parent, _, name = path.rpartition(".")
        if isinstance(module, nn.Embedding):
            kept = torch.bfloat16 if name == "embed_tokens_per_layer" else dtype
            module.weight = nn.Parameter(random_weights(module.weight.shape, kept), requires_grad=False)
        elif isinstance(module, nn.Linear) and path != "lm_head":
            linear, taken = quantized_linear(random_weights(module.weight.shape, dtype), dtype)
            setattr(model.get_submodule(parent), name, linear)
            packed += module.weight.numel()
            seconds += taken
    model.lm_head.weight = model.get_input_embeddings().weight
    absent = [name for name, tensor in [*model.named_parameters(), *model.named_buffers()] if tensor.is_meta]
    if absent:
        raise RuntimeError(f"these have no values: {', '.join(absent)}")
    return model.requires_grad_(False), {"packedWeights": packed, "packSeconds": seconds}
