import { NlaError, type Model, type NamedTensors } from '@nlakit/core';

/** Where the value of a hook point flows on through the segments of a pass. */
export interface PatchPoint {
  /** The hook point. */
  readonly hook: string;
  /** Index of the segment that computes it. */
  readonly segment: number;
  /** Entries of the state behind that segment that hold its value, in whatever shape. */
  readonly entries: readonly string[];
}

/**
 * Finds the entries by which a hook point's value reaches what comes after it. Segments name their state as they like, but whatever a
 * later segment reads is in it, so the entries are told by their values: equal to the captured hook point in every element. `tokens` is a
 * short prompt to look with.
 *
 * `E_PATCH_POINT` if the model hands the value on in no entry of its own, so that it cannot be replaced from outside.
 */
export async function findPatchPoint(model: Model, hook: string, tokens: Int32Array): Promise<PatchPoint> {
  const segments = model.segments({ tokens, batch: 1, length: tokens.length, capture: [hook] });
  let state: NamedTensors = {};
  try {
    for (const [segment, { run }] of segments.entries()) {
      const next = run(state);
      disposeDropped(state, next);
      state = next;
      const captured = state[hook];
      if (captured === undefined) continue;
      const wanted = (await captured.data()) as Float32Array;
      const entries: string[] = [];
      for (const [name, tensor] of Object.entries(state)) {
        if (name === hook || tensor === captured || tensor.dtype !== 'float32' || tensor.size !== captured.size) continue;
        const values = (await tensor.data()) as Float32Array;
        if (values.every((value, index) => value === wanted[index])) entries.push(name);
      }
      if (entries.length > 0) return { hook, segment, entries };
      break;
    }
  } finally {
    disposeDropped(state, {});
  }
  throw new NlaError('E_PATCH_POINT', {
    message: `The model does not hand on the value of ${hook} in a way that lets it be replaced.`,
    expected: 'an entry of the state behind its segment that holds the residual stream',
    fix: 'Patching needs a model whose segments pass the residual stream on.',
  });
}

/** Frees what `before` holds and `after` does not. */
function disposeDropped(before: NamedTensors, after: NamedTensors): void {
  const kept = new Set(Object.values(after));
  for (const tensor of Object.values(before)) if (!kept.has(tensor)) tensor.dispose();
}
