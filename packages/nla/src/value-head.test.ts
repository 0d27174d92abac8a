import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeSafetensors } from '@nlakit/safetensors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTorchState } from './torch-state.js';
import { readValueHead } from './value-head.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nla-head-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const torchFile = (name: string) => fileURLToPath(new URL(`./__fixtures__/torch/${name}.pt`, import.meta.url));

describe('readTorchState', () => {
  it('reads a state dict of float32 tensors', async () => {
    const state = await readTorchState(torchFile('linear_head'));
    expect([...state.keys()]).toEqual(['weight', 'bias']);
    expect(state.get('weight')?.shape).toEqual([16, 16]);
    state.get('weight')?.data.forEach((value, at) => {
      expect(value).toBeCloseTo(Math.floor(at / 16) === at % 16 ? 0.1 : 0.001 * (at % 7), 7);
    });
    state.get('bias')?.data.forEach((value, at) => expect(value).toBeCloseTo(0.5 - 0.1 * at, 6));
  });

  it.each([
    ['half', /torch.HalfStorage/],
    ['transposed', /strides 1, 16/],
    ['evil', /system/],
  ])('refuses %s and runs nothing', async (name, found) => {
    await expect(readTorchState(torchFile(name))).rejects.toMatchObject({
      code: 'E_TORCH_FILE',
      details: { found: expect.stringMatching(found) as string },
    });
  });

  it('refuses what is no archive', async () => {
    await expect(readTorchState(fileURLToPath(import.meta.url))).rejects.toMatchObject({ code: 'E_TORCH_FILE' });
  });
});

describe('readValueHead', () => {
  it('takes the own file before that of torch, with or without bias', async () => {
    const target = await mkdtemp(join(folder, 'both'));
    await copyFile(torchFile('linear_head'), join(target, 'linear_head.pt'));
    expect((await readValueHead(target, 16)).bias).toHaveLength(16);
    await writeSafetensors(join(target, 'value_head.safetensors'), new Map([['weight', { shape: [16, 16], data: new Float32Array(256) }]]));
    expect(await readValueHead(target, 16)).toEqual({ weight: new Float32Array(256), bias: undefined });
  });

  it('refuses another width, a bias of another length, and other tensors', async () => {
    const target = await mkdtemp(join(folder, 'other'));
    const write = (tensors: Record<string, number[]>) =>
      writeSafetensors(
        join(target, 'value_head.safetensors'),
        new Map(
          Object.entries(tensors).map(([name, shape]) => [
            name,
            { shape, data: new Float32Array(shape.reduce((all, one) => all * one, 1)) },
          ]),
        ),
      );
    for (const tensors of [{ weight: [8, 8] }, { weight: [16, 16], bias: [8] }, { weight: [16, 16], gain: [16] }, { bias: [16] }]) {
      await write(tensors);
      await expect(readValueHead(target, 16)).rejects.toMatchObject({ code: 'E_VALUE_HEAD' });
    }
  });
});
