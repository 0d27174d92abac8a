import { maxAbsolute, type Comparison } from '../comparison.js';
import { readGolden } from '../fixtures.js';
import { goldenFloats, maxDifference, type GoldenTensor } from '../numbers.js';
import type { ParityContext } from '../parity-context.js';
import { logitsOf, passOver, vocabulary } from '../tiny-model.js';
import { references, tolerances } from './references.js';

const common = { group: 'decoding', place: 'backend' } as const;

/** Greedy decoding with cached keys and values, longer than the sliding window. */
export function decodingComparisons(): Comparison[] {
  const golden = readGolden<{ prompt: readonly number[]; tokens: readonly number[]; step_logits: GoldenTensor }>('model', 'decode.json');
  const steps = golden.tokens.length;
  const measured = (context: ParityContext): Promise<{ ids: number[]; logits: Float32Array }> =>
    context.once('decoding', async () => {
      const model = await context.model('packed');
      const ids: number[] = [];
      const logits = new Float32Array(steps * vocabulary);
      const prompts = [Int32Array.from(golden.prompt)];
      for await (const step of model.generate({ prompts, maxNewTokens: steps, stopIds: [], logits: true })) {
        ids.push(step.ids[0] ?? NaN);
        logits.set(step.logits ?? [], step.index * vocabulary);
      }
      return { ids, logits };
    });
  return [
    {
      ...common,
      reference: references.transformers,
      comparison: `tokens of ${steps} cached greedy steps`,
      quantity: 'tokens that differ',
      tolerance: 0,
      async run(context) {
        const { ids } = await measured(context);
        return { maxError: golden.tokens.filter((id, step) => id !== ids[step]).length + Math.abs(ids.length - steps) };
      },
    },
    {
      ...common,
      reference: references.transformers,
      comparison: `logits of ${steps} cached greedy steps`,
      quantity: maxAbsolute,
      tolerance: tolerances.cachedLogits,
      run: async (context) => ({ maxError: maxDifference((await measured(context)).logits, goldenFloats(golden.step_logits)) }),
    },
    {
      ...common,
      reference: 'nlakit, pass without cache',
      comparison: `logits of ${steps} cached greedy steps`,
      quantity: maxAbsolute,
      tolerance: tolerances.cachedLogits,
      async run(context) {
        const { ids, logits } = await measured(context);
        const full = await logitsOf(await context.model('packed'), passOver([...golden.prompt, ...ids.slice(0, -1)]));
        return { maxError: maxDifference(logits, full.subarray((golden.prompt.length - 1) * vocabulary)) };
      },
    },
  ];
}
