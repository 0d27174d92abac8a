import type { Injector } from '@nlakit/core';
import { mutate, type Mutant } from './mutant.js';

/** Faults of an injector. */
export const injectorMutants: readonly Mutant<'injector'>[] = [
  mutate('stands beside the marker', 'injector: finds the one slot of every row', (injector) => ({
    ...injector,
    locate: (...given) => injector.locate(...given).map(({ row, position }) => ({ row, position: position + 1 })),
  })),
  mutate('takes a miss for nothing to do', 'injector: a miss is an error', (injector) => ({
    ...injector,
    locate: (...given) => orElse(() => injector.locate(...given), []),
  })),
  mutate('looks at the marker alone', 'injector: a miss is an error', (injector) => ({
    ...injector,
    locate: (tokens, batch, { injectionTokenId }) => {
      const length = tokens.length / batch;
      return Array.from({ length: batch }, (_, row) => ({
        row,
        position: tokens.subarray(row * length, (row + 1) * length).indexOf(injectionTokenId),
      }));
    },
  })),
  mutate('injects what is no number', 'injector: refuses values that cannot be injected', (injector) => ({
    ...injector,
    apply: (slots, vectors, scale) =>
      injector.apply(
        slots,
        vectors.map((value) => (Number.isFinite(value) ? value : 0)),
        scale,
      ),
  })),
  mutate('changes the vectors it is given', 'injector: is pure', (injector) => ({
    ...injector,
    apply: (slots, vectors, scale) => {
      const overrides = injector.apply(slots, vectors, scale);
      vectors.fill(0);
      return overrides;
    },
  })),
  mutate('hands out a view of the vectors it is given', 'injector: is pure', (injector) => ({
    ...injector,
    apply: (slots, vectors, scale) =>
      scale === null
        ? slots.map((slot, at) => ({
            ...slot,
            vector: vectors.subarray((at * vectors.length) / slots.length, ((at + 1) * vectors.length) / slots.length),
          }))
        : injector.apply(slots, vectors, scale),
  })),
  mutate(
    'does not bring vectors to the scale',
    'injector: places each vector at its slot, at the scale and in its direction',
    (injector) => ({
      ...injector,
      apply: (slots, vectors) => injector.apply(slots, vectors, null),
    }),
  ),
  mutate(
    'exchanges the vectors of two rows',
    'injector: places each vector at its slot, at the scale and in its direction',
    (injector) => ({
      ...injector,
      apply: (slots, vectors, scale) => {
        const overrides = injector.apply(slots, vectors, scale);
        return slots.map((slot, at) => ({
          ...slot,
          vector: (overrides[(at + 1) % overrides.length] ?? { vector: new Float32Array() }).vector,
        }));
      },
    }),
  ),
  mutate('rescales where there is no scale', 'injector: leaves zero at zero, and everything as it is without a scale', (injector) => ({
    ...injector,
    apply: (slots, vectors, scale) => injector.apply(slots, vectors, scale ?? 1),
  })),
  mutate('has a scale that is no norm', 'injector: has a scale for every width', (injector) => ({ ...injector, scale: () => -1 })),
  mutate(
    'accepts every scale',
    'injector: accepts a scale the model has seen, and refuses one carried over from another model',
    (injector) => ({ ...injector, guard: (stats, scale) => ({ ...injector.guard(stats, scale), verdict: 'accepted' }) }),
  ),
  mutate(
    'acknowledges what it should refuse',
    'injector: accepts a scale the model has seen, and refuses one carried over from another model',
    (injector) => ({
      ...injector,
      guard: (stats, scale) => {
        const report = injector.guard(stats, scale);
        return report.verdict === 'refused' ? { ...report, verdict: 'acknowledge' } : report;
      },
    }),
  ),
];

function orElse(body: () => ReturnType<Injector['locate']>, otherwise: ReturnType<Injector['locate']>): ReturnType<Injector['locate']> {
  try {
    return body();
  } catch {
    return otherwise;
  }
}
