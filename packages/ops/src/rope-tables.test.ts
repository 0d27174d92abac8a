import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { ropeTables, tf } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

describe('ropeTables', () => {
  const options = { positions: Int32Array.of(0, 7, 0, 7), batch: 2, length: 2, headDim: 8, theta: 10_000, rotaryFraction: 1 };

  it('has one row when all rows are alike, and one per row otherwise', () => {
    expect(ropeTables(options).cos.shape).toEqual([1, 2, 4]);
    expect(ropeTables({ ...options, positions: Int32Array.of(0, 7, 0, 8) }).sin.shape).toEqual([2, 2, 4]);
  });

  it('takes the frequencies over the whole head and leaves the rest of the pairs unturned', async () => {
    const { cos, sin } = ropeTables({ ...options, theta: 1e6, rotaryFraction: 0.5, factor: 2 });
    const angles = [7 / 2, (7 * 1e6 ** (-2 / 8)) / 2, 0, 0];
    const [cosines, sines] = [await cos.array(), await sin.array()];
    angles.forEach((angle, pair) => {
      expect(cosines[0]?.[1]?.[pair]).toBeCloseTo(Math.cos(angle), 6);
      expect(sines[0]?.[1]?.[pair]).toBeCloseTo(Math.sin(angle), 6);
    });
  });

  it('is exact to float32 far out', async () => {
    const { cos } = ropeTables({ ...options, positions: Int32Array.of(131_071), batch: 1, length: 1 });
    expect((await cos.data())[1]).toBe(Math.fround(Math.cos(131_071 * 10_000 ** (-2 / 8))));
  });

  it('refuses options that do not fit', () => {
    for (const bad of [{ length: 3 }, { headDim: 7 }, { rotaryFraction: 1.5 }, { rotaryFraction: NaN }]) {
      expect(() => ropeTables({ ...options, ...bad })).toThrowError(expect.objectContaining({ code: 'E_ROPE_OPTIONS' }));
    }
  });
});
