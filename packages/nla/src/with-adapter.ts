import type { LoraAdapter, Model } from '@nlakit/core';

const queues = new WeakMap<Model, Promise<void>>();

/**
 * Runs `work` while `adapter` is attached to `model`, alone: a second call for the same model waits until the first has ended, so that a
 * verbalizer and a reconstructor can share one base model. Afterwards, and after an error too, the model carries no adapter.
 */
export async function withAdapter<Result>(model: Model, adapter: LoraAdapter | null, work: () => Promise<Result>): Promise<Result> {
  const before = queues.get(model) ?? Promise.resolve();
  let release: () => void = () => undefined;
  const turn = new Promise<void>((resolve) => {
    release = resolve;
  });
  queues.set(
    model,
    before.then(() => turn),
  );
  await before;
  try {
    model.adapt(adapter);
    return await work();
  } finally {
    try {
      model.adapt(null);
    } finally {
      release();
    }
  }
}
