import { copyFile, mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSafetensors, type TensorEntry, writeSafetensors } from '@nlakit/safetensors';
import { describe, expect, it } from 'vitest';
import { runIn } from '../../test/support/run-in.js';

interface Encoded {
  readonly shape: readonly number[];
  readonly data: string;
}

/** Reference values of HF transformers and PEFT, float32. */
const fixtures = fileURLToPath(new URL('../../../../plugins/model-gemma4/src/__fixtures__/', import.meta.url));
const model = join(fixtures, 'gemma4-tiny');

async function golden<Shape>(name: string): Promise<Shape> {
  return JSON.parse(await readFile(join(fixtures, name), 'utf8')) as Shape;
}

function decode({ data }: Encoded): Float32Array {
  const bytes = Buffer.from(data, 'base64');
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

function distance(found: readonly (readonly number[])[], expected: Encoded): number {
  const values = decode(expected);
  const flat = found.flat();
  expect(flat).toHaveLength(values.length);
  return flat.reduce((most, value, index) => Math.max(most, Math.abs(value - (values[index] ?? NaN))), 0);
}

async function inspect(args: readonly string[]): Promise<{ logits: number[][]; hidden: Record<string, number[][]>; tokens: number[] }> {
  const { code, out, error } = await runIn(tmpdir(), ['inspect', ...args, '--json']);
  expect(`${code} ${error}`).toBe('0 ');
  return JSON.parse(out) as { logits: number[][]; hidden: Record<string, number[][]>; tokens: number[] };
}

describe('nla inspect', () => {
  it('gives the logits and hidden states of the reference', async () => {
    const reference = await golden<{ ids: number[]; logits: Encoded; layer_outputs: Encoded[] }>('gemma4-tiny.json');
    const { logits, hidden } = await inspect(['logits', '--model', model, '--tokens', reference.ids.join(','), '--capture', '0,4']);
    expect(distance(logits, reference.logits)).toBeLessThan(2e-4);
    expect(Object.keys(hidden)).toEqual(['0', '4']);
    expect(distance(hidden['4'] ?? [], reference.layer_outputs[4] ?? { shape: [], data: '' })).toBeLessThan(2e-4);
    // The comparison can fail: packed weights are other weights.
    const rounded = await inspect(['logits', '--model', model, '--tokens', reference.ids.join(','), '--quantizer', 'nf4']);
    expect(distance(rounded.logits, reference.logits)).toBeGreaterThan(0.01);
  });

  it('gives the logits of the reference with an adapter', async () => {
    const reference = await golden<{ ids: number[]; logits: Encoded }>('lora.json');
    const { logits } = await inspect([
      'logits',
      '--model',
      model,
      '--tokens',
      reference.ids.join(','),
      '--adapter',
      join(fixtures, 'lora'),
    ]);
    expect(distance(logits, reference.logits)).toBeLessThan(2e-4);
  });

  it('says so when the adapter changes nothing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nla-no-effect-'));
    await copyFile(join(fixtures, 'lora/adapter_config.json'), join(folder, 'adapter_config.json'));
    const file = await openSafetensors(join(fixtures, 'lora/adapter_model.safetensors'));
    const tensors = new Map<string, TensorEntry>();
    for (const [name, { shape }] of file.tensors) {
      const values = await file.float32(name);
      tensors.set(name, { shape, data: name.includes('lora_B') ? values.fill(0) : values });
    }
    await file.close();
    await writeSafetensors(join(folder, 'adapter_model.safetensors'), tensors);
    const args = ['inspect', 'logits', '--model', model, '--tokens', '2,5', '--adapter', folder, '--json'];
    const { code, error } = await runIn(folder, args);
    expect(code).toBe(0);
    expect(error).toContain('W_LORA_NO_EFFECT');
  });

  it('injects a vector, with either per-layer embedding', async () => {
    const reference = await golden<{
      ids: number[];
      position: number;
      vector: Encoded;
      pad: { logits: Encoded };
      token: { logits: Encoded };
    }>('injection.json');
    const file = join(await mkdtemp(join(tmpdir(), 'nla-inject-')), 'v.safetensors');
    await writeSafetensors(file, new Map([['v', { shape: [64], data: decode(reference.vector) }]]));
    const args = ['logits', '--model', model, '--tokens', reference.ids.join(','), '--inject', `${reference.position}=${file}#v`];
    expect(distance((await inspect([...args, '--ple', 'pad'])).logits, reference.pad.logits)).toBeLessThan(2e-4);
    expect(distance((await inspect(args)).logits, reference.token.logits)).toBeLessThan(2e-4);
  });

  it('generates the tokens of the reference', async () => {
    const reference = await golden<{ prompt: number[]; tokens: number[] }>('decode.json');
    const args = ['generate', '--model', model, '--tokens', reference.prompt.join(','), '--max-new', '24', '--ignore-eos'];
    expect((await inspect(args)).tokens).toEqual(reference.tokens);
  });
});
