import { util } from '@tensorflow/tfjs-core';
import { addressOf, moduleOf } from '../wasm-engine.js';
import { input, output, requireShape } from './define-kernel.js';
import type { WasmKernel } from './define-kernel.js';

/** NlaSoftcapLogSumExp: per row of logits `[row, column]`, the logarithm of the sum of the exponentials of `softcap tanh(logit / softcap)`. */
export const softcapLogSumExp: WasmKernel = {
  name: 'NlaSoftcapLogSumExp',
  run: (call) => {
    const { engine, attrs } = call;
    const logits = input(call, 'NlaSoftcapLogSumExp', 'logits');
    const [rows = 0, width = 0] = logits.shape;
    requireShape(logits.shape.length === 2, 'NlaSoftcapLogSumExp', { logits: logits.shape }, 'logits [row, column]');
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
    const name = 'NlaSoftcapCrossEntropyGrad';
    const { engine, attrs } = call;
    const logits = input(call, name, 'logits');
    const targets = input(call, name, 'targets', 'int32');
    const lse = input(call, name, 'lse');
    const dy = input(call, name, 'dy');
    const [rows = 0, width = 0] = logits.shape;
    requireShape(
      logits.shape.length === 2 && [targets, lse, dy].every(({ shape }) => util.arraysEqual(shape, [rows])),
      name,
      { logits: logits.shape, targets: targets.shape, lse: lse.shape, dy: dy.shape },
      'logits [row, column]; targets, lse and dy [row]',
    );
    const out = output(engine, logits.shape);
    const [l, t, s, d] = [logits, targets, lse, dy].map((tensor) => addressOf(engine, tensor)) as [number, number, number, number];
    const softcap = Number(attrs['softcap']);
    const { kernels, helpers, scratch } = engine;
    if (helpers === undefined) kernels.softcapCrossEntropyGrad(l, t, s, d, out.address, rows, width, softcap);
    else kernels.sharedCrossEntropyGrad(helpers.control, l, t, s, d, out.address, rows, width, softcap, scratch);
    return out.tensor;
  },
};
