import { util } from '@tensorflow/tfjs-core';
import { addressOf } from '../wasm-engine.js';
import { input, output, requireShape, rowsOf } from './define-kernel.js';
import type { WasmKernel } from './define-kernel.js';

/** NlaMaskedSoftmax: softmax of scores `[batch, head, query, key]` over the keys that window, offset and valid `[batch, key]` leave. */
export const maskedSoftmax: WasmKernel = {
  name: 'NlaMaskedSoftmax',
  run: (call) => {
    const { engine, attrs } = call;
    const scores = input(call, 'NlaMaskedSoftmax', 'scores');
    const valid = input(call, 'NlaMaskedSoftmax', 'valid');
    const [batch = 0, heads = 0, queries = 0, keys = 0] = scores.shape;
    requireShape(
      scores.shape.length === 4 && util.arraysEqual(valid.shape, [batch, keys]),
      'NlaMaskedSoftmax',
      { scores: scores.shape, valid: valid.shape },
      'scores [batch, head, query, key] and valid [batch, key]',
    );
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
    const y = input(call, 'NlaSoftmaxGrad', 'y');
    const dy = input(call, 'NlaSoftmaxGrad', 'dy');
    requireShape(util.arraysEqual(y.shape, dy.shape), 'NlaSoftmaxGrad', { y: y.shape, dy: dy.shape }, 'equal shapes');
    const { rows, width } = rowsOf(y);
    const out = output(engine, y.shape);
    engine.kernels.softmaxGrad(addressOf(engine, y), addressOf(engine, dy), out.address, rows, width);
    return out.tensor;
  },
};
