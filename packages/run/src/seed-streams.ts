import { createHash } from 'node:crypto';
import { NlaError, type RandomState, type RandomStream, type SeedStreams } from '@nlakit/core';

/** Name of the generator in a {@link RandomState}. */
const algorithm = 'xoshiro128**';

/**
 * The random streams of a run. A stream starts from `sha256(seed|name)`, so it depends on the seed and on its own name only, and it
 * gives the same numbers on every machine: integer arithmetic, and for {@link RandomStream.normal} a rational formula instead of a library
 * function whose last bit differs between engines.
 *
 * @param seed a non-negative safe integer. Throws `E_SEED` for anything else.
 */
export function createSeedStreams(seed: number): SeedStreams {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new NlaError('E_SEED', { message: 'The seed is no whole number from 0.', found: String(seed), kind: 'input' });
  }
  const streams = new Map<string, RandomStream>();
  const stream = (name: string): RandomStream => {
    let found = streams.get(name);
    if (found === undefined) {
      found = createRandomStream(initialWords(seed, name));
      streams.set(name, found);
    }
    return found;
  };
  return {
    seed,
    stream,
    state: () => Object.fromEntries([...streams].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, one]) => [name, one.state()])),
    restore(states) {
      // A stream that was not used before the state was taken has to start afresh, like in a run that never stopped.
      for (const [name, one] of streams) {
        if (!(name in states)) one.restore({ algorithm, words: initialWords(seed, name) });
      }
      for (const [name, state] of Object.entries(states)) stream(name).restore(state);
    },
  };
}

function initialWords(seed: number, name: string): number[] {
  const digest = createHash('sha256').update(`${seed}|${name}`).digest();
  return [0, 4, 8, 12].map((offset) => digest.readUInt32LE(offset));
}

/**
 * One stream of xoshiro128** (Blackman and Vigna, 2018) on four 32-bit words that are not all zero.
 * Throws `E_RANDOM_STATE` when a state of another algorithm or form is restored.
 */
function createRandomStream(initial: readonly number[]): RandomStream {
  let [a, b, c, d] = checkedWords({ algorithm, words: initial });

  const next = (): number => {
    const scrambled = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return scrambled;
  };

  const uniform = (): number => {
    const high = next() >>> 5;
    const low = next() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  };

  const integer = (bound: number): number => {
    if (!Number.isSafeInteger(bound) || bound < 1 || bound > 0x1_0000_0000) {
      throw new NlaError('E_RANDOM_BOUND', { message: 'A random integer needs a bound from 1 to 2^32.', found: String(bound) });
    }
    // Values past the last whole multiple of the bound are drawn again, so that every integer is equally likely.
    const limit = 0x1_0000_0000 - (0x1_0000_0000 % bound);
    for (;;) {
      const value = next();
      if (value < limit) return value % bound;
    }
  };

  return {
    uniform,
    integer,
    normal: () => inverseNormal((Math.floor(uniform() * 4503599627370496) + 0.5) / 4503599627370496),
    shuffle<Item>(items: readonly Item[]): Item[] {
      const result = items.slice();
      for (let last = result.length - 1; last > 0; last -= 1) {
        const other = integer(last + 1);
        const kept = result[last] as Item;
        result[last] = result[other] as Item;
        result[other] = kept;
      }
      return result;
    },
    state: () => ({ algorithm, words: [a >>> 0, b >>> 0, c >>> 0, d >>> 0] }),
    restore(state) {
      [a, b, c, d] = checkedWords(state);
    },
  };
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function checkedWords(state: RandomState): [number, number, number, number] {
  const { words } = state;
  const whole = words.every((word) => Number.isInteger(word) && word >= 0 && word <= 0xffff_ffff);
  const [a, b, c, d] = words;
  if (
    state.algorithm !== algorithm ||
    words.length !== 4 ||
    !whole ||
    a === undefined ||
    b === undefined ||
    c === undefined ||
    d === undefined ||
    (a | b | c | d) === 0
  ) {
    throw new NlaError('E_RANDOM_STATE', {
      message: 'This is no state of a random stream.',
      found: JSON.stringify(state),
      expected: `${algorithm} with four 32-bit words, not all zero`,
    });
  }
  return [a, b, c, d];
}

/**
 * The standard normal quantile by Acklam's rational approximation (relative error below 1.15e-9). One uniform number gives one normal
 * number, so a stream has no hidden half of a pair to save.
 */
function inverseNormal(p: number): number {
  const tail = 0.02425;
  if (p < tail) return tailQuantile(Math.sqrt(-2 * Math.log(p)));
  if (p > 1 - tail) return -tailQuantile(Math.sqrt(-2 * Math.log(1 - p)));
  const q = p - 0.5;
  const r = q * q;
  return (
    ((((((-39.69683028665376 * r + 220.9460984245205) * r - 275.9285104469687) * r + 138.357751867269) * r - 30.66479806614716) * r +
      2.506628277459239) *
      q) /
    (((((-54.47609879822406 * r + 161.5858368580409) * r - 155.6989798598866) * r + 66.80131188771972) * r - 13.28068155288572) * r + 1)
  );
}

function tailQuantile(q: number): number {
  return (
    (((((-0.007784894002430293 * q - 0.3223964580411365) * q - 2.400758277161838) * q - 2.549732539343734) * q + 4.374664141464968) * q +
      2.938163982698783) /
    ((((0.007784695709041462 * q + 0.3224671290700398) * q + 2.445134137142996) * q + 3.754408661907416) * q + 1)
  );
}
