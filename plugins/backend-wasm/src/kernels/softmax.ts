import { maskedSoftmaxOperands, rowsOf, softmaxGradOperands } from '@nlakit/ops/operands';
import { addressOf } from '../wasm-engine.js';
import { output } from './define-kernel.js';
import type { WasmKernel } from './define-kernel.js';

/** NlaMaskedSoftmax: softmax of scores `[batch, head, query, key]` over the keys that window, offset and valid `[batch, key]` leave. */
export const maskedSoftmax: WasmKernel = {
  name: 'NlaMaskedSoftmax',
  run: (call) => {
    const { engine, attrs } = call;
    const { scores, valid, sizes } = maskedSoftmaxOperands(call);
    const { batch, heads, queries, keys } = sizes;
    const out = output(engine, scores.shape);
    const [window, offset] = [Number(attrs['window']), Number(attrs['offset'])];
    engine.kernels.maskedSoftmax(
      addressOf(engine, scores),
      addressOf(engine, valid),
      out.address,
      batch,
      heads,
      queries,
      keys,
      window,
      offset,
    );
    return out.tensor;
  },
};

/** NlaSoftmaxGrad: `y (dy - sum(y dy))` over the last axis. */
export const softmaxGrad: WasmKernel = {
  name: 'NlaSoftmaxGrad',
  run: (call) => {
    const { engine } = call;
    const { y, dy } = softmaxGradOperands(call);
    const { rows, width } = rowsOf(y);
    const out = output(engine, y.shape);
    engine.kernels.softmaxGrad(addressOf(engine, y), addressOf(engine, dy), out.address, rows, width);
    return out.tensor;
  },
};
