import type { GenerateInput, GenerateStep, Model } from '@nlakit/core';

/**
 * A model that says what it is told in place of what it would say, token by token and in as many calls as it is asked in.
 *
 * @param say what to say about the vector that replaced an embedding of the prompt (`undefined`: there is none)
 */
export function scriptGeneration(model: Model, say: (vector: Float32Array | undefined) => string): Model {
  const { tokenizer } = model;
  return {
    ...model,
    async *generate(input: GenerateInput): AsyncIterable<GenerateStep> {
      const scripts = input.prompts.map((prompt, row) => {
        const vector = input.overrides?.find((one) => one.row === row)?.vector;
        const values = vector === undefined || vector instanceof Float32Array ? vector : (vector.dataSync() as Float32Array);
        const script = [...tokenizer.encode(say(values), { special: false }), tokenizer.eosId];
        return script.slice(saidAlready(prompt, script));
      });
      const ended = scripts.map(() => false);
      for (let index = 0; index < input.maxNewTokens && ended.includes(false); index += 1) {
        input.signal?.throwIfAborted();
        const ids = scripts.map((script, row) => {
          if (ended[row] === true) return -1;
          const id = script[index] ?? tokenizer.eosId;
          ended[row] = input.stopIds.includes(id) || index >= script.length - 1;
          return id;
        });
        // Whoever waits for a step may abort before the next.
        await Promise.resolve();
        const logits = input.logits === true ? { logits: new Float32Array(scripts.length * model.spec.vocabularySize) } : {};
        yield { index, ids: Int32Array.from(ids), ...logits };
      }
    },
  };
}

/** How much of the script the prompt ends with: generations that are cut in two hand over what has been said. */
function saidAlready(prompt: Int32Array, script: readonly number[]): number {
  for (let count = Math.min(prompt.length, script.length - 1); count > 0; count -= 1) {
    if (script.slice(0, count).every((id, at) => prompt[prompt.length - count + at] === id)) return count;
  }
  return 0;
}
