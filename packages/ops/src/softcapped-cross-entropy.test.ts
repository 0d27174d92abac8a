import '@tensorflow/tfjs-backend-cpu';
import type { Rank, Tensor2D } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { embeddingRows, softcappedCrossEntropy, tf } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

describe('softcappedCrossEntropy', () => {
  const loss = (targets: number[], chunk?: number) =>
    softcappedCrossEntropy({
      hidden: tf.zeros([2, 3]),
      table: tf.zeros([5, 3]),
      targets: Int32Array.from(targets),
      softcap: 30,
      ...(chunk === undefined ? {} : { chunk }),
    });

  it('is log V for equal logits', async () => {
    for (const chunk of [undefined, 2]) for (const value of await loss([0, 4], chunk).data()) expect(value).toBeCloseTo(Math.log(5), 6);
  });

  it('refuses targets outside the vocabulary, the ignored id -100 too', () => {
    for (const bad of [5, -1, -100]) expect(() => loss([0, bad])).toThrowError(expect.objectContaining({ code: 'E_TARGET_OUT_OF_RANGE' }));
  });

  it('refuses another number of targets than rows', () => {
    expect(() => loss([0])).toThrowError(expect.objectContaining({ code: 'E_TARGET_COUNT' }));
  });

  it('refuses a chunk that is no positive whole number', () => {
    for (const chunk of [0, -3, 1.5]) expect(() => loss([0, 1], chunk)).toThrowError(expect.objectContaining({ code: 'E_CHUNK_SIZE' }));
  });

  it('never holds more than one chunk of logits', () => {
    const hidden = tf.zeros<Rank.R2>([64, 4]);
    const table = tf.zeros<Rank.R2>([8192, 4]);
    const targets = new Int32Array(64);
    const peak = (chunk: number): number => {
      let highest = 0;
      const engine = tf.engine();
      const { trackTensor } = engine;
      engine.trackTensor = (tensor, backend) => {
        trackTensor.call(engine, tensor, backend);
        highest = Math.max(highest, tf.memory().numBytes);
      };
      const before = tf.memory().numBytes;
      tf.dispose(tf.grad((h) => softcappedCrossEntropy({ hidden: h as Tensor2D, table, targets, softcap: 30, chunk }))(hidden));
      engine.trackTensor = trackTensor;
      return highest - before;
    };
    const allLogits = 64 * 8192 * 4;
    // The portable composition holds a dozen arrays of the size of one chunk's logits, of which the whole has 32.
    expect(peak(256)).toBeLessThan(0.5 * allLogits);
    expect(peak(8192)).toBeGreaterThan(2 * allLogits);
  });
});

describe('embeddingRows', () => {
  it('refuses ids outside the table', () => {
    const table = tf.zeros<Rank.R2>([5, 3]);
    for (const bad of [5, -1]) {
      expect(() => embeddingRows(table, Int32Array.of(0, bad), [2])).toThrowError(
        expect.objectContaining({ code: 'E_TOKEN_OUT_OF_RANGE' }),
      );
    }
  });
});
