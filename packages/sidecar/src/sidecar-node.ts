import { NlaError } from '@nlakit/core';
import type { JsonValue } from '@nlakit/core';
import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Node } from 'yaml';
import type { JsonObject } from './types.js';

/** Where a value stands, for error messages. */
interface Origin {
  readonly file: string;
  readonly lines: LineCounter;
}

/** One value of a YAML document that knows its path and place; every reader throws `E_SIDECAR_…` with line and column. */
export class SidecarNode {
  readonly path: string;
  readonly #node: Node | null;
  /** The closest node that exists, for the place of a missing key. */
  readonly #near: Node | null;
  readonly #origin: Origin;

  constructor(node: Node | null, near: Node | null, path: string, origin: Origin) {
    this.#node = node;
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
    const value: unknown = this.#node?.toJSON() ?? null;
    if (!isJson(value)) throw this.wrong('values that JSON can hold (no .nan, no .inf)');
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
    const shown = JSON.stringify(this.#node?.toJSON()) ?? 'nothing';
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

/** Parses YAML text. Syntax errors and repeated keys are `E_SIDECAR_SYNTAX` with line and column. */
export function parseRoot(text: string, file: string): SidecarNode {
  if (text.length > maximumLength) {
    throw new NlaError('E_SIDECAR_SYNTAX', {
      message: 'The file is too long for a sidecar.',
      found: `${text.length} characters`,
      expected: `at most ${maximumLength}`,
      file,
      kind: 'input',
    });
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2', schema: 'core' });
  const problem = document.errors[0];
  if (problem !== undefined) {
    const { line, col } = lines.linePos(problem.pos[0]);
    throw new NlaError('E_SIDECAR_SYNTAX', { message: `Not valid YAML: ${problem.message}`, file, line, column: col, kind: 'input' });
  }
  // Aliases would make one node appear at several paths; no dialect uses them.
  const root = document.contents;
  if (!isMap(root)) {
    throw new NlaError('E_SIDECAR_SYNTAX', {
      message: 'A sidecar is a mapping of keys to values.',
      file,
      line: 1,
      column: 1,
      kind: 'input',
    });
  }
  return new SidecarNode(root, root, '', { file, lines });
}

const maximumLength = 4 * 1024 * 1024;

function isJson(value: unknown): value is JsonValue {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isJson);
  return typeof value === 'object' && Object.values(value).every(isJson);
}
