/** A JSON number as it was written: whether it is a whole number in range is for the reader to judge. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** JSON with what `JSON.parse` throws away: numbers keep their digits, objects their order, and keys such as `__proto__` are ordinary. */
export type StrictJson = null | boolean | string | JsonNumber | readonly StrictJson[] | ReadonlyMap<string, StrictJson>;

/** Why a text is not strict JSON, and where (in UTF-16 units from its start). */
export class StrictJsonError extends Error {
  readonly offset: number;
  /** `duplicate`: a key stands twice in one object. `syntax`: anything else. */
  readonly problem: 'syntax' | 'duplicate';

  constructor(message: string, offset: number, problem: 'syntax' | 'duplicate' = 'syntax') {
    super(`${message} at offset ${offset}`);
    this.offset = offset;
    this.problem = problem;
  }
}

/** serde_json's limit; without one a hostile header overflows the stack. */
const deepest = 127;
const numberPattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/**
 * Parses JSON (RFC 8259) and refuses what `JSON.parse` lets through: a key twice in one object, and a lone surrogate in a string.
 * Throws {@link StrictJsonError}.
 */
export function parseStrictJson(text: string): StrictJson {
  let at = 0;

  const fail = (message: string): never => {
    throw new StrictJsonError(message, at);
  };
  const skipSpace = (): void => {
    for (;;) {
      const unit = text.charCodeAt(at);
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return;
      at += 1;
    }
  };
  const literal = <Value>(word: string, value: Value): Value => {
    if (!text.startsWith(word, at)) fail('not a JSON value');
    at += word.length;
    return value;
  };
  const string = (): string => {
    const start = at;
    at += 1;
    let out = '';
    let runStart = at;
    for (;;) {
      const unit = text.charCodeAt(at);
      if (Number.isNaN(unit)) return fail('unfinished string');
      if (unit < 0x20) return fail('control character in a string');
      if (unit === 0x22) break;
      if (unit !== 0x5c) {
        at += 1;
        continue;
      }
      out += text.slice(runStart, at);
      const letter = text[at + 1] ?? '';
      if (letter === 'u') {
        const digits = text.slice(at + 2, at + 6);
        if (!/^[0-9a-fA-F]{4}$/.test(digits)) return fail('bad \\u escape');
        out += String.fromCharCode(Number.parseInt(digits, 16));
        at += 6;
      } else {
        const plain = escapes[letter];
        if (plain === undefined) return fail('unknown escape');
        out += plain;
        at += 2;
      }
      runStart = at;
    }
    out += text.slice(runStart, at);
    at += 1;
    if (/\p{Surrogate}/u.test(out)) throw new StrictJsonError('lone surrogate in a string', start);
    return out;
  };
  const number = (): JsonNumber => {
    numberPattern.lastIndex = at;
    const match = numberPattern.exec(text);
    if (match === null) return fail('not a JSON value');
    at += match[0].length;
    return new JsonNumber(match[0]);
  };
  const array = (depth: number): StrictJson[] => {
    at += 1;
    const items: StrictJson[] = [];
    skipSpace();
    if (text[at] === ']') {
      at += 1;
      return items;
    }
    for (;;) {
      items.push(value(depth));
      skipSpace();
      const unit = text[at];
      at += 1;
      if (unit === ']') return items;
      if (unit !== ',') {
        at -= 1;
        return fail('expected , or ]');
      }
    }
  };
  const object = (depth: number): Map<string, StrictJson> => {
    at += 1;
    const members = new Map<string, StrictJson>();
    skipSpace();
    if (text[at] === '}') {
      at += 1;
      return members;
    }
    for (;;) {
      skipSpace();
      if (text[at] !== '"') return fail('expected a key');
      const keyStart = at;
      const key = string();
      if (members.has(key)) throw new StrictJsonError(`duplicate key ${JSON.stringify(key)}`, keyStart, 'duplicate');
      skipSpace();
      if (text[at] !== ':') return fail('expected :');
      at += 1;
      members.set(key, value(depth));
      skipSpace();
      const unit = text[at];
      at += 1;
      if (unit === '}') return members;
      if (unit !== ',') {
        at -= 1;
        return fail('expected , or }');
      }
    }
  };
  const value = (depth: number): StrictJson => {
    skipSpace();
    switch (text.charAt(at)) {
      case '{':
        return depth >= deepest ? fail('nested too deeply') : object(depth + 1);
      case '[':
        return depth >= deepest ? fail('nested too deeply') : array(depth + 1);
      case '"':
        return string();
      case 't':
        return literal('true', true);
      case 'f':
        return literal('false', false);
      case 'n':
        return literal('null', null);
      default:
        return number();
    }
  };

  const result = value(0);
  skipSpace();
  if (at < text.length) fail('trailing characters');
  return result;
}

/** Text of strict JSON, indented by 2: numbers as they stand, so that a `30.0` from Python stays one. */
export function formatStrictJson(value: StrictJson, indent = ''): string {
  if (value instanceof JsonNumber) return value.text;
  const inner = `${indent}  `;
  const isArray = Array.isArray(value);
  if (!isArray && !(value instanceof Map)) return JSON.stringify(value);
  const parts = isArray
    ? (value as readonly StrictJson[]).map((item) => formatStrictJson(item, inner))
    : [...(value as ReadonlyMap<string, StrictJson>)].map(([key, item]) => `${JSON.stringify(key)}: ${formatStrictJson(item, inner)}`);
  const [open, close] = isArray ? '[]' : '{}';
  return parts.length === 0 ? `${open}${close}` : `${open}\n${inner}${parts.join(`,\n${inner}`)}\n${indent}${close}`;
}
