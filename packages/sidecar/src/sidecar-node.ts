import { NlaError } from '@nlakit/core';
import type { JsonValue } from '@nlakit/core';
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml';
import type { Document, Node } from 'yaml';
import { checkNesting, maximumDepth } from './check-nesting.js';
import type { JsonObject } from './types.js';

/** Where a value stands, for error messages, and the document that aliases refer into. */
interface Origin {
  readonly file: string;
  readonly lines: LineCounter;
  readonly document: Document;
}

/** One value of a YAML document that knows its path and place; every reader throws `E_SIDECAR_…` with line and column. */
export class SidecarNode {
  readonly path: string;
  readonly #node: Node | null;
  /** The closest node that exists, for the place of a missing key. */
  readonly #near: Node | null;
  readonly #origin: Origin;

  constructor(node: Node | null, near: Node | null, path: string, origin: Origin) {
    // PyYAML writes an alias where one list stands in two places.
    this.#node = isAlias(node) ? (node.resolve(origin.document) ?? null) : node;
    this.#near = near;
    this.path = path;
    this.#origin = origin;
  }

  /** Whether there is a value other than null. */
  get present(): boolean {
    return this.#node !== null && !(isScalar(this.#node) && this.#node.value === null);
  }

  /** Whether the key stands in the file, be it with null. */
  get stated(): boolean {
    return this.#node !== null;
  }

  /** The value under `key`; one that is not present if there is none. */
  get(key: string): SidecarNode {
    const path = this.path === '' ? key : `${this.path}.${key}`;
    if (!this.present) return new SidecarNode(null, this.#near, path, this.#origin);
    if (!isMap(this.#node)) throw this.wrong('a mapping');
    const child: unknown = this.#node.get(key, true);
    return new SidecarNode(isNode(child) ? child : null, this.#node, path, this.#origin);
  }

  keys(): string[] {
    if (!this.present) return [];
    if (!isMap(this.#node)) throw this.wrong('a mapping');
    return this.#node.items.map((pair) => String(isScalar(pair.key) ? pair.key.value : pair.key));
  }

  items(): SidecarNode[] {
    if (!isSeq(this.#node)) throw this.wrong('a list');
    const sequence = this.#node;
    return sequence.items.map(
      (item, index) => new SidecarNode(isNode(item) ? item : null, sequence, `${this.path}[${index}]`, this.#origin),
    );
  }

  text(): string {
    const value = this.#scalar();
    if (typeof value !== 'string') throw this.wrong('a text');
    return value;
  }

  integer(minimum: number): number {
    const value = this.#scalar();
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < minimum)
      throw this.wrong(`a whole number of at least ${minimum}`);
    return value;
  }

  number(): number {
    const value = this.#scalar();
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.wrong('a finite number');
    return value;
  }

  boolean(): boolean {
    const value = this.#scalar();
    if (typeof value !== 'boolean') throw this.wrong('true or false');
    return value;
  }

  oneOf<Choice extends string>(choices: readonly Choice[]): Choice {
    const value = this.text();
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw this.wrong(choices.map((choice) => `"${choice}"`).join(' or '));
    return found;
  }

  /** The value as JSON. Not-a-number and infinity are refused. */
  json(): JsonValue {
    const value = plainValue(this.#node, this.#origin.document, { left: maximumValues }, 0);
    if (!isJson(value)) throw this.wrong('values that JSON can hold (no .nan, no .inf), not nested deeply');
    return value;
  }

  jsonObject(): JsonObject {
    const value = this.json();
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.wrong('a mapping');
    return value as JsonObject;
  }

  /** Value of `read`, or null where nothing (or null) is written. */
  optional<Value>(read: (node: SidecarNode) => Value): Value | null {
    return this.present ? read(this) : null;
  }

  /** Runs `read`; an `E_SIDECAR_…` raised without a place gets this one. */
  placed<Value>(read: () => Value): Value {
    try {
      return read();
    } catch (error) {
      if (error instanceof NlaError && error.details.file === undefined) {
        throw new NlaError(error.code, { ...error.details, message: `${this.path}: ${error.details.message}`, ...this.#place() });
      }
      throw error;
    }
  }

  /** The error to throw when this value is not what was expected. */
  wrong(expected: string): NlaError {
    if (!this.stated) {
      return new NlaError('E_SIDECAR_MISSING', { message: `"${this.path}" is missing.`, expected, kind: 'input', ...this.#place() });
    }
    const shown = JSON.stringify(plainValue(this.#node, this.#origin.document, { left: 100 }, 0)) ?? 'nothing';
    return new NlaError('E_SIDECAR_VALUE', {
      message: `"${this.path}" has a value that cannot be used.`,
      found: shown.length > 200 ? `${shown.slice(0, 200)}…` : shown,
      expected,
      kind: 'input',
      ...this.#place(),
    });
  }

  #scalar(): unknown {
    if (!isScalar(this.#node)) throw this.wrong('a single value');
    return this.#node.value;
  }

  #place(): { file: string; line?: number; column?: number } {
    const offset = (this.#node ?? this.#near)?.range?.[0];
    if (offset === undefined) return { file: this.#origin.file };
    const { line, col } = this.#origin.lines.linePos(offset);
    return { file: this.#origin.file, line, column: col };
  }
}

/**
 * Parses YAML text. Syntax errors and repeated keys, texts that are too long or nested too deeply, and whatever else the parser stumbles
 * over are `E_SIDECAR_SYNTAX`, with line and column where there is one.
 */
export function parseRoot(text: string, file: string): SidecarNode {
  const syntax = (message: string, details: Partial<NlaError['details']> = {}): NlaError =>
    new NlaError('E_SIDECAR_SYNTAX', { ...details, message, file, kind: 'input' });
  if (text.length > maximumLength) {
    throw syntax('The file is too long for a sidecar.', {
      found: `${text.length} characters`,
      expected: `at most ${maximumLength}`,
    });
  }
  const lines = new LineCounter();
  let document: Document;
  try {
    checkNesting(text);
    // Warnings are about tags of other languages (`!!python/tuple`): their values are taken without the tag.
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2', schema: 'core', uniqueKeys: false });
  } catch (error) {
    throw syntax('Not valid YAML.', { found: error instanceof Error ? error.message : String(error) });
  }
  const problem = document.errors[0];
  if (problem !== undefined) {
    const { line, col } = lines.linePos(problem.pos[0]);
    throw syntax(`Not valid YAML: ${problem.message}`, { line, column: col });
  }
  const wrong = findWrong(document);
  if (wrong !== undefined) {
    const { line, col } = lines.linePos(wrong.offset);
    throw syntax(wrong.message, { found: wrong.found, line, column: col });
  }
  const root = document.contents;
  if (!isMap(root)) throw syntax('A sidecar is a mapping of keys to values.', { line: 1, column: 1 });
  return new SidecarNode(root, root, '', { file, lines, document });
}

/** Longest sidecar that is read, in characters; real ones take some kilobytes. */
export const maximumLength = 2 * 1024 * 1024;

/** Most values of one block, aliases counted each time: a bomb of aliases ends here. */
const maximumValues = 100_000;

/** Most keys of one mapping, and most aliases of a file; looking them up takes time that grows with their square. */
const maximumKeys = 4000;
const maximumAliases = 100;

/**
 * The first key that stands twice in one mapping, alias that refers to nothing, or number of either that no sidecar has. The library looks
 * for repeated keys too, but in a time that grows with their square.
 */
function findWrong(document: Document): { readonly message: string; readonly found: string; readonly offset: number } | undefined {
  let wrong: { readonly message: string; readonly found: string; readonly offset: number } | undefined;
  let aliases = 0;
  const stop = (message: string, found: string, range: Node['range']): symbol => {
    wrong = { message, found, offset: range?.[0] ?? 0 };
    return visit.BREAK;
  };
  visit(document, {
    Alias(_, alias) {
      aliases += 1;
      if (aliases > maximumAliases) return stop('The file has too many aliases for a sidecar.', `more than ${maximumAliases}`, alias.range);
      return alias.resolve(document) === undefined ? stop('An alias refers to nothing.', `*${alias.source}`, alias.range) : undefined;
    },
    Map(_, map) {
      if (map.items.length > maximumKeys) return stop('A mapping has too many keys for a sidecar.', String(map.items.length), map.range);
      const keys = new Set<string>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        const name = String(key.value);
        if (keys.has(name)) return stop('A key is repeated.', name, key.range);
        keys.add(name);
      }
      return undefined;
    },
  });
  return wrong;
}

/** A node as plain data; undefined inside it for what is too deep, too much, or refers to itself. */
function plainValue(node: unknown, document: Document, budget: { left: number }, depth: number): unknown {
  budget.left -= 1;
  if (budget.left < 0 || depth > maximumDepth) return undefined;
  if (isAlias(node)) return plainValue(node.resolve(document), document, budget, depth + 1);
  if (isScalar(node)) return node.value;
  if (isSeq(node)) return node.items.map((item) => plainValue(item, document, budget, depth + 1));
  if (!isMap(node)) return node === null ? null : undefined;
  // fromEntries, because a key may be `__proto__`.
  return Object.fromEntries(
    node.items.map(({ key, value }) => [String(isScalar(key) ? key.value : key), plainValue(value, document, budget, depth + 1)] as const),
  );
}

function isJson(value: unknown): value is JsonValue {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isJson);
  return typeof value === 'object' && Object.values(value).every(isJson);
}
