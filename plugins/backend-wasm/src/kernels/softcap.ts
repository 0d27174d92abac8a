import { softcapCrossEntropyGradOperands, softcapLogSumExpOperands } from '@nlakit/ops/operands';
import { addressOf, moduleOf } from '../wasm-engine.js';
import { output } from './define-kernel.js';
import type { WasmKernel } from './define-kernel.js';

/** NlaSoftcapLogSumExp: per row of logits `[row, column]`, the logarithm of the sum of the exponentials of `softcap tanh(logit / softcap)`. */
export const softcapLogSumExp: WasmKernel = {
  name: 'NlaSoftcapLogSumExp',
  run: (call) => {
    const { engine, attrs } = call;
    const { logits, rows, width } = softcapLogSumExpOperands(call);
    const out = output(engine, [rows]);
    if (width === 0) {
      // The sum of nothing is 0, its logarithm -infinity.
      new Float32Array(moduleOf(engine.backend).HEAPU8.buffer, out.address, rows).fill(-Infinity);
      return out.tensor;
    }
    const { kernels, helpers, scratch } = engine;
    const [from, softcap] = [addressOf(engine, logits), Number(attrs['softcap'])];
    if (helpers === undefined) kernels.softcapLogSumExp(from, out.address, rows, width, softcap);
    else kernels.sharedLogSumExp(helpers.control, from, out.address, rows, width, softcap, scratch);
    return out.tensor;
  },
};

/** NlaSoftcapCrossEntropyGrad: `dy (softmax - onehot) (1 - tanh^2)` for one chunk of the vocabulary, from the lse over all of it. */
export const softcapCrossEntropyGrad: WasmKernel = {
  name: 'NlaSoftcapCrossEntropyGrad',
  run: (call) => {
    const { engine, attrs } = call;
    const { logits, targets, lse, dy, rows, width } = softcapCrossEntropyGradOperands(call);
    const out = output(engine, logits.shape);
    const [l, t, s, d] = [logits, targets, lse, dy].map((tensor) => addressOf(engine, tensor)) as [number, number, number, number];
    const softcap = Number(attrs['softcap']);
    const { kernels, helpers, scratch } = engine;
    if (helpers === undefined) kernels.softcapCrossEntropyGrad(l, t, s, d, out.address, rows, width, softcap);
    else kernels.sharedCrossEntropyGrad(helpers.control, l, t, s, d, out.address, rows, width, softcap, scratch);
    return out.tensor;
  },
};
