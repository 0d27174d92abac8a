import { createWasmBackend } from '@nlakit/backend-wasm';
import type { Backend } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { nf4Quantizer } from '@nlakit/quantizer-nf4';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { measureRoof, stepOperations } from './gemm-roof.js';

const spec = {
  name: 'small',
  architecture: 'none',
  dModel: 64,
  layers: 1,
  vocabularySize: 100,
  embeddingScale: 1,
  hookPoints: [],
  linears: new Map([
    ['up', [256, 64]],
    ['down', [64, 256]],
  ] as const),
  parameters: 0,
  config: {},
};

let backend: Backend;
beforeAll(async () => {
  backend = await createWasmBackend();
});
afterAll(() => backend.dispose());

it('counts each product of a step once: forward, again where it is computed again, and back', () => {
  const adapter = 2 * 4 * (64 + 256);
  const product = (rows: number, columns: number, tokens: number): number => 2 * rows * columns * tokens;
  const [tokens, linears, head, lora] = [
    7,
    (times: number) => times * 2 * product(256, 64, 7),
    (times: number) => times * product(100, 64, 7),
    (times: number) => times * product(adapter, 1, 7),
  ];
  expect(stepOperations(spec, { tokens, trained: adapter, recomputed: false })).toBe(linears(2) + head(2) + lora(3));
  // Only the wide one is computed again: the result of the other was kept.
  expect(stepOperations(spec, { tokens, trained: adapter, recomputed: true })).toBe(linears(2.5) + head(2) + lora(4));
});

it("takes the faster of the engine's products as the roof, and frees everything", async () => {
  const tensors = tf.memory().numTensors;
  const step = { rows: 32, tokens: 32, trained: 100, recomputed: true, seconds: 2 };
  const plain = await measureRoof({ spec }, step);
  expect(plain).toMatchObject({ kind: 'plain', operations: stepOperations(spec, step) });
  expect(plain.operationsPerSecond).toBeGreaterThan(1e7);
  expect(plain.share).toBeCloseTo(plain.operations / 2 / plain.operationsPerSecond, 12);
  const packed = await measureRoof({ spec }, step, nf4Quantizer());
  expect(['plain', 'NF4']).toContain(packed.kind);
  // A quantizer that multiplies without doing anything is faster than any product.
  const idle = { ...nf4Quantizer(), linear: () => tf.zeros([1, 1]) };
  expect(await measureRoof({ spec }, step, idle)).toMatchObject({ kind: 'NF4' });
  expect(tf.memory().numTensors).toBe(tensors);
});
