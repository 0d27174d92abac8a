import { createHash } from 'node:crypto';
import type { JsonValue } from '@nlakit/core';

/** JSON with sorted keys and no spaces: equal values give equal texts. `undefined` members are left out, as JSON does. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sorted(value)) ?? 'null';
}

/** sha256 (hex) of a text's UTF-8 bytes. */
export function sha256Text(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** sha256 (hex) of a value's {@link canonicalJson}. */
export function stableHash(value: unknown): string {
  return sha256Text(canonicalJson(value));
}

/** What of `value` survives JSON: a plain copy without functions and undefined members. */
export function toJson(value: unknown): JsonValue {
  const text = JSON.stringify(value);
  return text === undefined ? null : (JSON.parse(text) as JsonValue);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const record = value as Record<string, unknown>;
  return Object.fromEntries(
    Object.keys(record)
      .sort()
      .map((key) => [key, sorted(record[key])]),
  );
}
