import type { Injector, Scale } from '@nlakit/core';
import { norm } from '@nlakit/metrics';

/** What an injector was really asked for, and what it handed out. */
export interface InjectionRecord {
  /** Scales it was called with. */
  readonly scales: ReadonlySet<Scale>;
  /** Least and greatest norm of an injected vector, zero vectors left out; null while there was none. */
  readonly norms: { readonly least: number; readonly greatest: number } | null;
}

/** An injector that does what `injector` does and keeps a record of it, so that a wrong scale shows wherever it comes from. */
export function recordInjections(injector: Injector): { readonly injector: Injector; record(): InjectionRecord } {
  const scales = new Set<Scale>();
  let least = Infinity;
  let greatest = 0;
  return {
    injector: {
      name: injector.name,
      perLayerIds: injector.perLayerIds,
      scale: (dModel) => injector.scale(dModel),
      locate: (tokens, batch, contract) => injector.locate(tokens, batch, contract),
      guard: (stats, scale) => injector.guard(stats, scale),
      apply(slots, vectors, scale) {
        scales.add(scale);
        const overrides = injector.apply(slots, vectors, scale);
        for (const { vector } of overrides) {
          // A vector that already lies on the device is not fetched for this.
          if (!(vector instanceof Float32Array)) continue;
          const length = norm(vector);
          if (length === 0) continue;
          least = Math.min(least, length);
          greatest = Math.max(greatest, length);
        }
        return overrides;
      },
    },
    record: () => ({ scales, norms: greatest === 0 ? null : { least, greatest } }),
  };
}
