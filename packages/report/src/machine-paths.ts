import type { JsonValue } from '@nlakit/core';

// A folder name may hold single spaces; the last name may not, or prose behind a path would be taken for a part of it.
const folder = String.raw`[\w.@+%~-]+(?: [\w.@+%~-]+)*`;
const posix = String.raw`(?<![\w.:/\\@~-])(?:file:\/\/|~)?(?:\/${folder}(?=\/))+\/[\w.@+%~-]+`;
const windows = String.raw`(?<![\w])(?:file:\/\/\/)?[A-Za-z]:(?:[\\/]${folder}(?=[\\/]))+[\\/][\w.@+%~-]+`;
const absolutePath = new RegExp(`${posix}|${windows}`, 'g');

/**
 * The same value with every absolute path in its texts cut to its last name (`…/gemma-4-E2B`): reports are published, and where files lie
 * on a machine is nobody's business. Relative paths stay.
 */
export function withoutMachinePaths(value: JsonValue): JsonValue {
  if (typeof value === 'string') return value.replace(absolutePath, (path) => `…/${path.split(/[\\/]/).at(-1) ?? ''}`);
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(withoutMachinePaths);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutMachinePaths(inner)]));
}
