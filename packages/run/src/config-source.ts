import { readFile } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { NlaError } from '@nlakit/core';
import { createJiti } from 'jiti';
import { isMap, isPair, isScalar, isSeq, LineCounter, parse, parseDocument, type Document } from 'yaml';

/** A place in a config: keys and list indices from the top. */
export type ConfigPath = readonly PropertyKey[];

/** Where something is written. */
export interface SourcePlace {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

/** A value given on the command line in place of what the file says. */
export interface ConfigOverride {
  /** As typed: `trainers.av.options.steps`. An evaluator can be named by its id: `evaluators.h5.options.rows`. */
  readonly path: string;
  readonly value: unknown;
}

/** A config file as read, with the places of its parts. */
export interface ConfigSource {
  /** Absolute path. */
  readonly file: string;
  /** Its folder: specifiers and relative paths in options start here. */
  readonly folder: string;
  readonly value: unknown;
  readonly overrides: readonly ConfigOverride[];
  /** Where the value (or, with `key`, the key) of `path` stands; the nearest enclosing place if it is absent. */
  place(path: ConfigPath, target?: 'key' | 'value'): SourcePlace;
}

/** Parses one `--set path=value`; the value is read as YAML, so `3` is a number and `[1, 2]` a list. Throws `E_USAGE`. */
export function parseOverride(text: string): ConfigOverride {
  const cut = text.indexOf('=');
  if (cut < 1) {
    throw new NlaError('E_USAGE', {
      message: 'An override is written path=value.',
      found: text,
      expected: 'for instance trainers.av.options.steps=20',
      kind: 'input',
    });
  }
  try {
    return { path: text.slice(0, cut), value: parse(text.slice(cut + 1)) as unknown };
  } catch (cause) {
    throw new NlaError('E_USAGE', { message: 'The value of an override is no YAML value.', found: text, kind: 'input', cause });
  }
}

/**
 * Reads a config: YAML (or JSON) with positions, or a module (`.ts`, `.mts`, `.js`, `.mjs`) whose default export is the config.
 * Loading a module runs its code. Throws `E_CONFIG` with file, line and column.
 */
export async function readConfig(path: string, overrides: readonly ConfigOverride[] = []): Promise<ConfigSource> {
  const file = resolve(path);
  const folder = dirname(file);
  if (/^\.[cm]?[jt]s$/.test(extname(file))) {
    const value = await importConfig(file);
    return { file, folder, value: applyOverrides(value, overrides), overrides, place: () => ({ file: path }) };
  }
  const text = await readText(path, file);
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) {
    const { line, col } = lineCounter.linePos(problem.pos[0]);
    throw new NlaError('E_CONFIG', {
      message: `This is no valid YAML: ${problem.message}`,
      file: path,
      line,
      column: col,
      fix: 'Correct the line; indentation is two spaces, lists start with "- ".',
      kind: 'input',
    });
  }
  const overridden = overrides.map((override) => ({ override, path: override.path.split('.') }));
  const written: unknown = document.toJS();
  return {
    file,
    folder,
    value: applyOverrides(written, overrides),
    overrides,
    place(at, target = 'value') {
      const hit = overridden.find(({ path: keys }) => keys.every((key, index) => sameKey(written, at, key, index)));
      if (hit !== undefined) return { file: `--set ${hit.override.path}` };
      const offset = offsetOf(document, at, target);
      const { line, col } = lineCounter.linePos(offset);
      return { file: path, line: Math.max(1, line), column: Math.max(1, col) };
    },
  };
}

function sameKey(written: unknown, at: ConfigPath, key: string, index: number): boolean {
  const actual = at[index];
  if (actual === undefined) return false;
  if (String(actual) === key) return true;
  const list = at.slice(0, index).reduce<unknown>((value, step) => member(value, step), written);
  return Array.isArray(list) && member(list[Number(actual)], 'id') === key;
}

function member(value: unknown, key: PropertyKey): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined;
}

const unreadable: Readonly<Record<string, string>> = { ENOENT: 'no such file', EISDIR: 'a folder', EACCES: 'no permission to read it' };

async function readText(path: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new NlaError('E_CONFIG', {
      message: 'The config file cannot be read.',
      file: path,
      found: unreadable[(cause as NodeJS.ErrnoException).code ?? ''] ?? String(cause),
      fix: 'Name an existing YAML file, or write one with `nla init`.',
      kind: 'input',
      cause,
    });
  }
}

async function importConfig(file: string): Promise<unknown> {
  try {
    return await createJiti(file).import(file, { default: true });
  } catch (cause) {
    throw new NlaError('E_CONFIG', {
      message: `The config module cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      file,
      kind: 'input',
      cause,
    });
  }
}

/** A copy of a config's value with the overrides put in. Throws `E_CONFIG` for a place that does not exist. */
export function applyOverrides(value: unknown, overrides: readonly ConfigOverride[]): unknown {
  const result: unknown = structuredClone(value);
  for (const { path, value: replacement } of overrides) {
    const keys = path.split('.');
    let parent: unknown = result;
    keys.forEach((key, index) => {
      if (typeof parent !== 'object' || parent === null || key === '' || key === '__proto__') {
        throw new NlaError('E_CONFIG', {
          message: 'An override names a place that the config does not have.',
          found: `--set ${path}`,
          expected: `a place below "${keys.slice(0, index).join('.')}"`,
          kind: 'input',
        });
      }
      const record = parent as Record<string, unknown>;
      const byId = Array.isArray(parent) ? parent.findIndex((item) => member(item, 'id') === key) : -1;
      const name = byId >= 0 ? String(byId) : key;
      if (Array.isArray(parent) && !(name in parent)) {
        throw new NlaError('E_CONFIG', {
          message: 'An override names an item that the list does not have.',
          found: `--set ${path}`,
          expected: `one of ${parent.map((item, place) => String(member(item, 'id') ?? place)).join(', ')}`,
          kind: 'input',
        });
      }
      if (index === keys.length - 1) record[name] = replacement;
      else parent = record[name] ??= {};
    });
  }
  return result;
}

/** Offset in the text of the value or key at `path`, or of the nearest enclosing one that exists. */
function offsetOf(document: Document.Parsed, path: ConfigPath, target: 'key' | 'value'): number {
  let node: unknown = document.contents;
  let offset = document.contents?.range[0] ?? 0;
  for (const [index, step] of path.entries()) {
    const last = index === path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step));
      if (pair === undefined) return offset;
      const keyOffset = isScalar(pair.key) ? pair.key.range?.[0] : undefined;
      offset = keyOffset ?? offset;
      node = pair.value;
      if (last && target === 'key') return offset;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
    } else {
      return offset;
    }
    const start = (node as { range?: readonly number[] | null } | null | undefined)?.range?.[0];
    // An enclosing map is shown by its key; the value that was asked for, by itself.
    if (start !== undefined && last) offset = start;
  }
  return offset;
}
