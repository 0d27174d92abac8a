import type { JsonValue } from '@nlakit/core';
import type { PairedEffect } from '@nlakit/metrics';

/** A paired effect as JSON holds it. */
export interface StoredEffect {
  readonly [key: string]: JsonValue;
  readonly value: number;
  /** 95 % percentile interval. */
  readonly low: number;
  readonly high: number;
  /** 95 % BCa interval. */
  readonly bca: { readonly low: number; readonly high: number };
  readonly n: number;
  readonly sd: number;
  readonly p: number;
  /** Null where all differences are equal and not zero. */
  readonly dZ: number | null;
}

/** {@link StoredEffect} of a paired effect. */
export function storedEffect({ value, low, high, bca, n, sd, p, dZ }: PairedEffect): StoredEffect {
  return { value, low, high, bca: { low: bca.low, high: bca.high }, n, sd, p, dZ: Number.isFinite(dZ) ? dZ : null };
}
