import { describe, expect, it } from 'vitest';
import { createSeedStreams } from './seed-streams.js';

describe('createSeedStreams', () => {
  it('follows the published xoshiro128** recurrence', () => {
    const stream = createSeedStreams(0).stream('reference');
    const state = stream.state().words.map(BigInt);
    const mask = 0xffff_ffffn;
    const rotate = (x: bigint, k: bigint) => ((x << k) | (x >> (32n - k))) & mask;
    for (let draw = 0; draw < 100; draw += 1) {
      const expected = (rotate((state[1]! * 5n) & mask, 7n) * 9n) & mask;
      const shifted = (state[1]! << 9n) & mask;
      state[2]! ^= state[0]!;
      state[3]! ^= state[1]!;
      state[1]! ^= state[2]!;
      state[0]! ^= state[3]!;
      state[2]! ^= shifted;
      state[3] = rotate(state[3]!, 11n);
      expect(stream.integer(2 ** 32)).toBe(Number(expected));
    }
  });

  it('makes a stream depend on the seed and its own name only', () => {
    const one = createSeedStreams(7);
    one.stream('other').uniform();
    const a = one.stream('x').uniform();
    expect(createSeedStreams(7).stream('x').uniform()).toBe(a);
    expect(createSeedStreams(8).stream('x').uniform()).not.toBe(a);
    expect(createSeedStreams(7).stream('y').uniform()).not.toBe(a);
    expect(one.stream('x')).toBe(one.stream('x'));
  });

  it('goes on exactly from a state that went through JSON, also for streams not used before it', () => {
    const first = createSeedStreams(3);
    first.stream('a').normal();
    const state = JSON.parse(JSON.stringify(first.state())) as ReturnType<typeof first.state>;
    const expected = [first.stream('a').normal(), first.stream('b').normal()];
    const second = createSeedStreams(3);
    second.stream('b').normal();
    second.restore(state);
    expect([second.stream('a').normal(), second.stream('b').normal()]).toEqual(expected);
  });

  it('has the moments of its distributions', () => {
    const stream = createSeedStreams(1).stream('moments');
    const count = 40_000;
    let sum = 0;
    let squares = 0;
    let beyondTwo = 0;
    let uniform = 0;
    for (let index = 0; index < count; index += 1) {
      const value = stream.normal();
      sum += value;
      squares += value * value;
      if (Math.abs(value) > 1.959963985) beyondTwo += 1;
      uniform += stream.uniform();
    }
    expect(Math.abs(sum / count)).toBeLessThan(0.02);
    expect(Math.abs(squares / count - 1)).toBeLessThan(0.03);
    expect(Math.abs(beyondTwo / count - 0.05)).toBeLessThan(0.005);
    expect(Math.abs(uniform / count - 0.5)).toBeLessThan(0.01);
  });

  it('shuffles to a permutation and leaves the input alone', () => {
    const items = Array.from({ length: 50 }, (_, index) => index);
    const shuffled = createSeedStreams(1).stream('s').shuffle(items);
    expect(shuffled).not.toEqual(items);
    expect([...shuffled].sort((a, b) => a - b)).toEqual(items);
    expect(items[0]).toBe(0);
  });

  it('refuses seeds, bounds and states that mean nothing', () => {
    expect(() => createSeedStreams(-1)).toThrow(/seed/);
    expect(() => createSeedStreams(1.5)).toThrow(/seed/);
    const stream = createSeedStreams(1).stream('s');
    expect(() => stream.integer(0)).toThrow(/bound/);
    expect(() => stream.restore({ algorithm: 'mt19937', words: [1, 2, 3, 4] })).toThrow(/no state/);
    expect(() => stream.restore({ algorithm: 'xoshiro128**', words: [0, 0, 0, 0] })).toThrow(/no state/);
  });
});
