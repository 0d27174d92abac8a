import type { Estimate, JsonValue } from '@nlakit/core';

/** The object under `key`, or `value` itself for the empty key; an empty object where there is none. */
export function objectAt(value: JsonValue | undefined, key: string): Readonly<Record<string, JsonValue>> {
  if (!isObject(value)) return {};
  if (key === '') return value;
  const inner = value[key];
  return isObject(inner) ? inner : {};
}

/** The finite number under `key`, if there is one. */
export function numberAt(value: JsonValue | undefined, key: string): number | undefined {
  const found = objectAt(value, '')[key];
  return typeof found === 'number' && Number.isFinite(found) ? found : undefined;
}

/** A text, or an empty one. */
export function textIn(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** An estimate with its interval, if it is one. */
export function estimateIn(value: JsonValue | undefined): Estimate | undefined {
  const { value: centre, low, high } = objectAt(value, '');
  return typeof centre === 'number' && typeof low === 'number' && typeof high === 'number' ? { value: centre, low, high } : undefined;
}

function isObject(value: JsonValue | undefined): value is Readonly<Record<string, JsonValue>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
