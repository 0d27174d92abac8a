"""bitsandbytes' NF4 on the processor: weights of the given shapes packed (`quantize`), unpacked, or multiplied by (`linear`)."""

import time

from session import serve


def prepare(settings: dict) -> tuple:
    import torch
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit

    import models

    dtype = models.DTYPES[settings["dtype"]]
    shapes = [tuple(shape) for shape in settings["shapes"]]
    largest = models.random_weights((1, max(rows * columns for rows, columns in shapes)), dtype)[0]

    def pack(rows: int, columns: int) -> tuple:
        weights = largest[: rows * columns].view(rows, columns)
        return quantize_4bit(weights, blocksize=64, compress_statistics=settings["doubleQuant"], quant_type="nf4")

    def timed(work) -> dict:  # noqa: ANN001
        started = time.perf_counter()
        work()
        return {"seconds": time.perf_counter() - started}

    if settings["what"] == "quantize":
        return lambda: timed(lambda: [pack(*shape) for shape in shapes]), {}
    if settings["what"] == "unpack":
        codes, state = pack(*shapes[0])
        return lambda: timed(lambda: dequantize_4bit(codes, state)), {}
    linear, _ = models.quantized_linear(largest.view(shapes[0]), dtype)
    # What training does: the gradient of the weights is not wanted, that of the input is.
    rows = torch.randn(settings["rows"], shapes[0][1], dtype=dtype, requires_grad=True)
    return lambda: timed(lambda: linear.train()(rows)), {}


if __name__ == "__main__":
    serve(prepare)
