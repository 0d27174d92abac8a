import { NlaError } from '@nlakit/core';
import { closest } from './closest.js';
import type { ConfigPath, ConfigSource, SourcePlace } from './config-source.js';

/** Something wrong with a config. */
export interface ConfigIssue {
  readonly code: string;
  /** Keys from the top, joined with dots. */
  readonly path: string;
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
  readonly message: string;
  /** The error as it would be thrown. */
  readonly error: NlaError;
}

/** What {@link schemaIssues} says of a file besides what is wrong. */
export interface DescribedFile {
  /** The keys known at a place, for suggestions. */
  readonly knownKeys: (path: readonly PropertyKey[]) => readonly string[];
  /** What the file should be, where it is no mapping at all. */
  readonly what: string;
  readonly fix: string;
}

/** The first of several issues as the error to throw; it says how many more there are, and its `cause` lists them all. */
export function firstIssue(issues: readonly ConfigIssue[], seeAlso = ', see `nla validate`'): NlaError {
  const [first] = issues;
  if (first === undefined) throw new Error('A failed check names no issue.');
  if (issues.length === 1) return first.error;
  return new NlaError(first.error.code, {
    ...first.error.details,
    message: `${first.error.details.message} (and ${issues.length - 1} more${seeAlso})`,
    cause: issues,
  });
}

/** Issues that a zod schema found in a file, each at its place. */
export function schemaIssues(found: readonly SchemaIssue[], source: ConfigSource, about: DescribedFile): ConfigIssue[] {
  return found.flatMap((one) => issuesOf(one, source, about));
}

function issuesOf(found: SchemaIssue, source: ConfigSource, about: DescribedFile): ConfigIssue[] {
  if (found.code === 'unrecognized_keys') {
    return (found.keys ?? []).map((key) => {
      const path = [...found.path, key];
      const known = about.knownKeys(found.path);
      const suggestion = closest(key, known);
      return issue('E_CONFIG', path, source.place(path, 'key'), {
        message: `Unknown key "${key}".`,
        expected: `one of ${known.join(', ')}`,
        ...(suggestion === undefined ? {} : { fix: `Did you mean "${suggestion}"?` }),
      });
    });
  }
  const value = valueAt(source.value, found.path);
  return [
    issue('E_CONFIG', found.path, source.place(found.path), {
      message:
        found.path.length === 0
          ? about.what
          : `"${found.path.map(String).join('.')}" ${value === undefined ? 'is missing.' : `is wrong: ${found.message}`}`,
      found: value === undefined || value === null ? 'nothing' : JSON.stringify(value).slice(0, 200),
      ...(found.path.length === 0 ? { fix: about.fix } : {}),
    }),
  ];
}

interface SchemaIssue {
  readonly code: string;
  readonly message: string;
  readonly path: readonly PropertyKey[];
  readonly keys?: readonly string[];
}

/** An issue at a place of a file. */
export function issue(
  code: string,
  path: ConfigPath,
  place: SourcePlace,
  details: { readonly message: string; readonly found?: string; readonly expected?: string; readonly fix?: string },
): ConfigIssue {
  const { message, found, expected, fix } = details;
  const error = new NlaError(code, {
    message,
    ...(found === undefined ? {} : { found }),
    ...(expected === undefined ? {} : { expected }),
    ...(fix === undefined ? {} : { fix }),
    ...place,
    kind: 'input',
  });
  return asIssue(error, path);
}

/** An error as an issue. */
export function asIssue(error: NlaError, path: ConfigPath): ConfigIssue {
  const { file, line, column, message } = error.details;
  return {
    code: error.code,
    path: path.map(String).join('.'),
    file: file ?? '',
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
    message,
    error,
  };
}

/** What stands at `path`; undefined where nothing does. */
export function valueAt(value: unknown, path: ConfigPath): unknown {
  return path.reduce<unknown>(
    (current, step) => (typeof current === 'object' && current !== null ? (current as Record<PropertyKey, unknown>)[step] : undefined),
    value,
  );
}
