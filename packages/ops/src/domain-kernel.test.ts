import '@tensorflow/tfjs-backend-cpu';
import type { Rank, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { defineDomainKernel, geglu, rmsNorm, runDomainKernel, softcappedCrossEntropy, tf } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

const double = defineDomainKernel<{ x: Tensor }, { times: number }>({
  name: 'NlaTestDouble',
  compose: ({ inputs: { x }, attrs: { times } }) => tf.mul(x, 2 * times),
  gradient: { saves: [], of: ({ dy: [dy], attrs: { times } }) => ({ x: () => tf.mul(dy as Tensor, 2 * times) }) },
});

async function kernelsOf(body: () => Tensor | Tensor[]): Promise<Record<string, number>> {
  const { kernels, result } = await tf.profile(body);
  tf.dispose(result);
  const counts: Record<string, number> = {};
  for (const { name } of kernels) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

describe('defineDomainKernel', () => {
  it('runs the composition and its gradient', async () => {
    const x = tf.tensor1d([1, 2]);
    expect(await double.run({ x }, { times: 3 }).array()).toEqual([6, 12]);
    expect(
      await tf
        .grad((value) => tf.sum(double.run({ x: value }, { times: 3 })))(x)
        .array(),
    ).toEqual([6, 6]);
  });

  it('prefers the kernel of the backend, and keeps the gradient', async () => {
    const compose = vi.fn(() => tf.scalar(0));
    const triple = defineDomainKernel<{ x: Tensor }, Record<never, never>>({
      name: 'NlaTestTriple',
      compose,
      gradient: { saves: [], of: ({ dy: [dy] }) => ({ x: () => tf.mul(dy as Tensor, 3) }) },
    });
    tf.registerKernel({
      kernelName: 'NlaTestTriple',
      backendName: 'cpu',
      kernelFunc: ({ inputs }) => tf.mul(inputs['x'] as unknown as Tensor, 3),
    });
    const x = tf.tensor1d([1, 2]);
    expect(await triple.run({ x }, {}).array()).toEqual([3, 6]);
    expect(
      await tf
        .grad((value) => tf.sum(triple.run({ x: value }, {})))(x)
        .array(),
    ).toEqual([3, 3]);
    expect(compose).not.toHaveBeenCalled();
  });

  it('may be called twice, as when two copies of a package are loaded, without a warning of tfjs', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const before = tf.getGradient('NlaTestDouble');
    defineDomainKernel<{ x: Tensor }, { times: number }>({
      name: 'NlaTestDouble',
      compose: ({ inputs: { x }, attrs: { times } }) => tf.mul(x, 2 * times),
      gradient: { saves: [], of: () => ({}) },
    });
    expect(tf.getGradient('NlaTestDouble')).toBe(before);
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });

  it('names the kernel that nobody defined', () => {
    expect(() => runDomainKernel('NlaNobody', {}, {})).toThrowError(expect.objectContaining({ code: 'E_KERNEL_UNKNOWN' }));
  });
});

describe('gradients are worked out only for inputs that ask for one', () => {
  const tensors: Tensor[] = [];
  const held = <Held extends Tensor>(tensor: Held): Held => {
    tensors.push(tensor);
    return tensor;
  };
  afterEach(() => tf.dispose(tensors.splice(0)));

  it('rmsNorm', async () => {
    const x = held(tf.randomNormal([3, 4]));
    const weight = held(tf.randomNormal<Rank.R1>([4]));
    const dx = await kernelsOf(() => tf.grad((value) => rmsNorm(value, weight, 1e-6))(x));
    const dw = await kernelsOf(() => tf.grad((value) => rmsNorm(x, value as Tensor1D, 1e-6))(weight));
    expect([dx['NlaRmsNorm'], dx['NlaRmsNormGrad']]).toEqual([1, 1]);
    expect([dw['NlaRmsNorm'], dw['NlaRmsNormGrad']]).toEqual([2, undefined]);
  });

  it('geglu', async () => {
    const gate = held(tf.randomNormal([3, 4]));
    const counts = await kernelsOf(() => tf.grad((value) => geglu(value, gate))(held(tf.ones([3, 4]))));
    expect(counts['NlaGegluGrad']).toBe(1);
    const none = await kernelsOf(() => tf.grad((value) => tf.add(value, geglu(gate, gate)))(held(tf.ones([3, 4]))));
    expect(none['NlaGegluGrad']).toBeUndefined();
  });

  it('softcappedCrossEntropy: products per chunk', async () => {
    const hidden = held(tf.randomNormal<Rank.R2>([3, 4]));
    const table = held(tf.randomNormal<Rank.R2>([9, 4]));
    const products = async (chunk: number, of: 'hidden' | 'table' | 'both'): Promise<number | undefined> => {
      const loss = (h: Tensor, e: Tensor): Tensor =>
        softcappedCrossEntropy({ hidden: h as Tensor2D, table: e as Tensor2D, targets: Int32Array.of(0, 8, 3), softcap: 5, chunk });
      const counts = await kernelsOf(() => {
        if (of === 'hidden') return tf.grad((h) => loss(h, table))(hidden);
        if (of === 'table') return tf.grad((e) => loss(hidden, e))(table);
        return tf.grads(loss)([hidden, table]);
      });
      return counts['BatchMatMul'];
    };
    const unrecorded = async (chunk: number): Promise<number | undefined> =>
      (await kernelsOf(() => softcappedCrossEntropy({ hidden, table, targets: Int32Array.of(0, 8, 3), softcap: 5, chunk })))['BatchMatMul'];
    // Forward 1; backward 1 per input.
    expect([await unrecorded(9), await products(9, 'hidden'), await products(9, 'table'), await products(9, 'both')]).toEqual([1, 2, 2, 3]);
    // Of each of three chunks: forward 1, and 1 for the gradient in `hidden` wherever operations are recorded; 2 for that in the table.
    expect([await unrecorded(3), await products(3, 'hidden'), await products(3, 'table'), await products(3, 'both')]).toEqual([
      3, 6, 12, 12,
    ]);
  });
});
