import { type HostTensor, NlaError } from '@nlakit/core';
import { readValueHead } from '@nlakit/nla';
import type { ParentAdapter } from '@nlakit/nla/training';

/**
 * The value head that training starts with, `[dModel, dModel]`: the identity, so that the first prediction is the hidden state itself, or the
 * parent's. Throws `E_PARENT_ADAPTER` for a parent whose head has a bias, and what `readValueHead` throws.
 */
export async function initialHead(dModel: number, parent: ParentAdapter | undefined): Promise<HostTensor> {
  const shape = [dModel, dModel];
  if (parent === undefined) {
    const data = new Float32Array(dModel * dModel);
    for (let at = 0; at < dModel; at++) data[at * dModel + at] = 1;
    return { shape, data };
  }
  const { weight, bias } = await readValueHead(parent.folder, dModel);
  if (bias?.some((value) => value !== 0) === true) {
    throw new NlaError('E_PARENT_ADAPTER', {
      message: 'The reconstructor to start from has a head with a bias, which is not trained here.',
      file: parent.folder,
      expected: 'a head without bias',
      fix: 'Train a fresh reconstructor: leave `from` out.',
      kind: 'input',
    });
  }
  return { shape, data: weight };
}
