import { describe, expect, it } from 'vitest';
import { chooseFastest, composing } from './choose-backend.js';

const trial = (use: string, gflops: number, kernels: readonly string[]) => ({ use, ok: true, gflops, ...composing({ kernels }) });
const fused = ['NlaNf4Linear', 'NlaRmsNorm'];
/** A product of weights in 4 bits alone makes no step quick. */
const chains = ['NlaNf4Linear'];

describe('chooseFastest', () => {
  it('asks more of products where the rest is chains of stock operations', () => {
    const first = trial('first', 30, fused);
    expect(chooseFastest([first, trial('second', 220, chains)])?.use).toBe('first');
    expect(chooseFastest([first, trial('second', 220, fused)])?.use).toBe('second');
    // A GPU is so much faster that it is worth its chains.
    expect(chooseFastest([first, trial('second', 3000, chains)])?.use).toBe('second');
  });

  it('prefers kernels to chains at the same rate, and compares chains with chains by their rates', () => {
    const first = trial('first', 30, chains);
    expect(chooseFastest([first, trial('second', 30, fused)])?.use).toBe('second');
    expect(chooseFastest([first, trial('second', 40, chains)])?.use).toBe('first');
    expect(chooseFastest([first, trial('second', 50, chains)])?.use).toBe('second');
  });
});
