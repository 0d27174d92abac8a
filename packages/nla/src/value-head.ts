import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { NlaError } from '@nlakit/core';
import { openSafetensors } from '@nlakit/safetensors';
import { readTorchState } from './torch-state.js';

/** The linear that turns a hidden state into a prediction. */
export interface ValueHead {
  /** `[dModel, dModel]`, out × in. */
  readonly weight: Float32Array;
  /** `[dModel]`, or undefined for a head without bias. */
  readonly bias: Float32Array | undefined;
}

const ownFile = 'value_head.safetensors';
const torchFile = 'linear_head.pt';

/**
 * Reads a reconstructor's head: `value_head.safetensors` (`weight`, and `bias` if there is one), or the `linear_head.pt` of the SolshineCode
 * releases. Throws `E_VALUE_HEAD` for another form, and what reading the files throws.
 */
export async function readValueHead(folder: string, dModel: number): Promise<ValueHead> {
  const own = join(folder, ownFile);
  const torch = join(folder, torchFile);
  const fromTorch = !(await exists(own)) && (await exists(torch));
  const file = fromTorch ? torch : own;
  const tensors = fromTorch ? await readTorchState(torch) : await readTensors(own);
  const weight = tensors.get('weight');
  const bias = tensors.get('bias');
  const others = [...tensors.keys()].filter((name) => name !== 'weight' && name !== 'bias');
  const fits = (tensor: HeadTensor, ...shape: number[]): boolean => tensor.shape.join() === shape.join();
  if (weight !== undefined && fits(weight, dModel, dModel) && (bias === undefined || fits(bias, dModel)) && others.length === 0) {
    return { weight: weight.data, bias: bias?.data };
  }
  const found = [...tensors].map(([name, { shape }]) => `${name} [${shape.join(', ')}]`);
  throw new NlaError('E_VALUE_HEAD', {
    message: 'The value head does not fit the model.',
    found: found.length === 0 ? 'no tensors' : found.join(', '),
    expected: `weight [${dModel}, ${dModel}], with or without bias [${dModel}]`,
    file,
    kind: 'input',
  });
}

interface HeadTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

async function readTensors(file: string): Promise<Map<string, HeadTensor>> {
  const opened = await openSafetensors(file);
  try {
    const tensors = new Map<string, HeadTensor>();
    for (const [name, { shape }] of opened.tensors) tensors.set(name, { shape, data: await opened.float32(name) });
    return tensors;
  } finally {
    await opened.close();
  }
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
