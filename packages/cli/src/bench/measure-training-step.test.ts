import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createWasmBackend } from '@nlakit/backend-wasm';
import type { Backend, JsonValue, Model } from '@nlakit/core';
import { nf4Quantizer } from '@nlakit/quantizer-nf4';
import { tf } from '@nlakit/ops';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../index.js';
import { loadModelWithoutTokenizer } from '../model-without-tokenizer.js';
import { measureTrainingStep } from './measure-training-step.js';

const published = fileURLToPath(new URL('./gemma-4-e2b.config.json', import.meta.url));

/** Gemma-4-E2B in miniature: the same layer pattern, donors, double-wide MLP and head dimensions in proportion, a sixth of the width. */
async function smallConfig(): Promise<JsonValue> {
  const config = JSON.parse(await readFile(published, 'utf8')) as { text_config: Record<string, JsonValue> };
  const layers = config.text_config['layer_types'] as string[];
  Object.assign(config.text_config, {
    vocab_size: 4096,
    vocab_size_per_layer_input: 4096,
    hidden_size: 256,
    intermediate_size: 1024,
    num_hidden_layers: 15,
    layer_types: layers.slice(0, 15),
    num_kv_shared_layers: 5,
    num_attention_heads: 4,
    head_dim: 64,
    global_head_dim: 128,
    hidden_size_per_layer_input: 48,
  });
  return config;
}

describe('a training step on the geometry of Gemma-4-E2B, in miniature', () => {
  let folder: string;
  let backend: Backend;
  let model: Model;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nla-step-'));
    await writeFile(join(folder, 'config.json'), JSON.stringify(await smallConfig()));
    const io = { terminal: false, interactive: false, color: false, columns: 80, cwd: folder, signal: new AbortController().signal };
    const code = await runCli(['fake-checkpoint', '--config', 'config.json', '--out', 'model'], {
      ...io,
      out: () => undefined,
      error: () => undefined,
    });
    expect(code).toBe(0);
  });
  // A backend of its own for each step: its peak is that of its whole life.
  beforeEach(async () => {
    backend = await createWasmBackend();
    model = await loadModelWithoutTokenizer(join(folder, 'model'), { quantizer: nf4Quantizer() });
  });
  afterEach(async () => {
    model.dispose();
    await backend.dispose();
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const checkpointed = { preset: 'seed' as const, maxLength: 128, accumulate: 1, checkpointActivations: true };
  const kept = { ...checkpointed, checkpointActivations: false };
  it.each([
    ['with checkpointing', checkpointed, 0.1],
    ['with checkpointing, without dropout', { ...checkpointed, dropout: 0 }, 0.1],
    ['with checkpointing, in batches', { ...checkpointed, microBatch: 4, maxLength: 48 }, 0.1],
    ['with all activations kept', kept, 0.15],
    ['with all activations kept, without dropout', { ...kept, dropout: 0 }, 0.15],
  ])('needs what was planned for it %s', async (_name, options, tolerance) => {
    const tensors = tf.memory().numTensors;
    const { plan, steps } = await measureTrainingStep(model, backend, options);
    expect(steps[0]?.loss).toBeGreaterThan(0);
    expect(steps[0]?.gradientNorm).toBeGreaterThan(0);
    expect(Math.abs((steps[0]?.peakBytes ?? 0) / plan.peakBytes - 1)).toBeLessThan(tolerance);
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it('needs a small part of the memory with checkpointing, for the same numbers', async () => {
    const one = await measureTrainingStep(model, backend, { ...checkpointed, maxLength: 64 });
    const peak = backend.memory().peakBytes;
    const other = await measureTrainingStep(model, backend, { ...kept, maxLength: 64 });
    expect(backend.memory().peakBytes - backend.memory().liveBytes).toBeGreaterThan(2 * (peak - backend.memory().liveBytes));
    expect(other.steps[0]?.loss).toBeCloseTo(one.steps[0]?.loss ?? Number.NaN, 5);
    expect((other.steps[0]?.gradientNorm ?? 0) / (one.steps[0]?.gradientNorm ?? 1)).toBeCloseTo(1, 5);
  });
});
