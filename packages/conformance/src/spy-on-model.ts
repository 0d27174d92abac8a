import type { ForwardInput, LoraAdapter, Model, Override } from '@nlakit/core';

/** What a model was asked to do. */
export interface ModelSpy {
  readonly model: Model;
  /** Passes, and steps of a generation, so far. */
  readonly work: () => number;
  /** Passes outside of generations. */
  readonly passes: readonly ForwardInput[];
  /** What replaced an embedding, in passes and generations. */
  readonly injected: readonly Override[];
  /** Adapters in the order they were attached; null where one was detached. */
  readonly adapted: readonly (LoraAdapter | null)[];
}

/**
 * A model that does what `model` does and keeps a record of it.
 *
 * @param onWork called after each unit of work with their number
 */
export function spyOnModel(model: Model, onWork: (count: number) => void = () => undefined): ModelSpy {
  let count = 0;
  const passes: ForwardInput[] = [];
  const injected: Override[] = [];
  const adapted: (LoraAdapter | null)[] = [];
  const worked = (): void => {
    count += 1;
    onWork(count);
  };
  const asked = (input: ForwardInput): void => {
    passes.push(input);
    injected.push(...(input.overrides ?? []));
  };
  return {
    work: () => count,
    passes,
    injected,
    adapted,
    model: {
      ...model,
      adapt(adapter) {
        adapted.push(adapter);
        model.adapt(adapter);
      },
      forward(input) {
        asked(input);
        const output = model.forward(input);
        worked();
        return output;
      },
      segments(input) {
        asked(input);
        const segments = model.segments(input);
        worked();
        return segments;
      },
      async *generate(input) {
        injected.push(...(input.overrides ?? []));
        for await (const step of model.generate(input)) {
          worked();
          yield step;
        }
      },
    },
  };
}
