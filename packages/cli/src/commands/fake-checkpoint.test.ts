import { mkdtemp, readFile, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSafetensors } from '@nlakit/safetensors';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../index.js';

const config = fileURLToPath(new URL('../../../../plugins/model-gemma4/src/__fixtures__/gemma4-tiny/config.json', import.meta.url));

describe('nla fake-checkpoint', () => {
  let folder: string;
  const nla = async (args: readonly string[], signal = new AbortController().signal): Promise<{ code: number; out: string }> => {
    let out = '';
    const io = { terminal: false, interactive: false, color: false, columns: 80, cwd: folder, signal };
    const code = await runCli(args, { ...io, out: (text) => (out += text), error: () => undefined });
    return { code, out };
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nla-fake-'));
  });

  it('writes a checkpoint that runs, the same one for the same seed', async () => {
    for (const [out, seed] of [
      ['a', '0'],
      ['b', '0'],
      ['c', '1'],
    ] as const) {
      const { code, out: text } = await nla(['fake-checkpoint', '--config', config, '--out', out, '--seed', seed, '--json']);
      expect(code).toBe(0);
      expect(JSON.parse(text)).toMatchObject({ seed: Number(seed), folder: join(folder, out) });
    }
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => readFile(join(folder, name, 'model.safetensors'))));
    expect(a?.equals(b ?? Buffer.alloc(0))).toBe(true);
    expect(a?.equals(c ?? Buffer.alloc(0))).toBe(false);
    const { code, out } = await nla(['inspect', 'logits', '--model', join(folder, 'a'), '--tokens', '2,5,17', '--json']);
    expect(code).toBe(0);
    const { logits } = JSON.parse(out) as { logits: number[][] };
    expect(logits.flat().every(Number.isFinite)).toBe(true);
    expect(new Set(logits.flat()).size).toBeGreaterThan(100);
  });

  it('gives tensors of sensible size: linears by fan-in, norms around 1, layer scalars away from it', async () => {
    const file = await openSafetensors(join(folder, 'a/model.safetensors'));
    try {
      for (const [name, { dtype, shape }] of file.tensors) {
        expect(dtype).toBe('BF16');
        expect(name).toMatch(/^model\.language_model\./);
        const values = await file.float32(name);
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
        if (name.endsWith('layer_scalar')) {
          expect(values[0]).toBeGreaterThanOrEqual(0.19);
          expect(values[0]).toBeLessThanOrEqual(0.81);
        } else if (shape.length === 1) {
          expect(Math.abs(mean / (/[qk]_norm/.test(name) ? values.length ** -0.25 : 1) - 1)).toBeLessThan(0.1);
        } else if (/_proj\.weight$/.test(name) && values.length > 500) {
          expect(deviation * Math.sqrt(shape[1] ?? 1)).toBeGreaterThan(0.85);
          expect(deviation * Math.sqrt(shape[1] ?? 1)).toBeLessThan(1.15);
        }
      }
    } finally {
      await file.close();
    }
  });

  it('overwrites nothing, refuses what is no config, and leaves nothing half written', async () => {
    expect((await nla(['fake-checkpoint', '--config', config, '--out', 'a'])).code).toBe(2);
    await writeFile(join(folder, 'other.json'), '{"model_type":"llama"}');
    const refused = await nla(['fake-checkpoint', '--config', 'other.json', '--out', 'd', '--json']);
    expect(JSON.parse(refused.out)).toMatchObject({ error: { code: 'E_MODEL_UNSUPPORTED' } });
    expect((await nla(['fake-checkpoint', '--config', 'missing.json', '--out', 'd'])).code).toBe(2);
    expect((await nla(['fake-checkpoint', '--config', config, '--out', 'e'], AbortSignal.abort())).code).toBe(130);
    expect(await readdir(join(folder, 'e'))).toEqual([]);
  });
});
