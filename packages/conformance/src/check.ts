import { NlaError } from '@nlakit/core';

/** Fails the case that is running: `E_CONFORMANCE` with what was found beside what was expected. */
export function fail(message: string, found?: string, expected?: string): never {
  throw new NlaError('E_CONFORMANCE', {
    message,
    ...(found === undefined ? {} : { found }),
    ...(expected === undefined ? {} : { expected }),
  });
}

/** Fails with `message` unless `condition` holds. */
export function check(condition: boolean, message: string, found?: string, expected?: string): asserts condition {
  if (!condition) fail(message, found, expected);
}

/** Fails unless both values are the same in JSON. */
export function checkSame(actual: unknown, expected: unknown, message: string): void {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)];
  check(left === right, message, shorten(left), shorten(right));
}

/** Fails unless every number is within `tolerance` of its counterpart, relative to the largest magnitude expected (at least 1). */
export function checkNear(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number, message: string): void {
  check(actual.length === expected.length, message, `${actual.length} numbers`, `${expected.length}`);
  const largest = Array.from(expected).reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  for (let at = 0; at < expected.length; at += 1) {
    const difference = Math.abs((actual[at] ?? NaN) - (expected[at] ?? NaN)) / largest;
    if (!(difference <= tolerance)) {
      fail(
        message,
        `${String(actual[at])} at ${at}`,
        `${String(expected[at])} within ${tolerance} of the largest, ${largest.toPrecision(4)}`,
      );
    }
  }
}

/** Fails unless the numbers are the same bits. */
export function checkBits(actual: ArrayLike<number>, expected: ArrayLike<number>, message: string): void {
  check(actual.length === expected.length, message, `${actual.length} numbers`, `${expected.length}`);
  for (let at = 0; at < expected.length; at += 1) {
    check(Object.is(actual[at], expected[at]), message, `${String(actual[at])} at ${at}`, String(expected[at]));
  }
}

/** Fails unless `body` throws or rejects with an NlaError, of that code if one is given. Returns the error's message. */
export async function checkRefuses(what: string, body: () => unknown, code?: string): Promise<string> {
  try {
    await body();
  } catch (error) {
    const found = error as { code?: unknown; message?: unknown; [key: symbol]: unknown };
    check(found[Symbol.for('nlakit.error')] === true, `${what} must be refused with an NlaError.`, String(error));
    check(code === undefined || found.code === code, `${what} is refused with another code.`, String(found.code), code);
    return String(found.message);
  }
  return fail(`${what} must be refused.`, 'no error', code ?? 'an NlaError');
}

/** Fails unless `value` has a method of each name. */
export function checkMethods(value: object, names: readonly string[]): void {
  const missing = names.filter((name) => typeof (value as Record<string, unknown>)[name] !== 'function');
  check(missing.length === 0, `Methods are missing: ${missing.join(', ')}.`, `has ${Object.keys(value).join(', ') || 'nothing'}`);
}

/** Fails unless `value` survives a round trip through JSON: no undefined, NaN, infinity, functions or class instances in it. */
export function checkJson(value: unknown, what: string): void {
  const problem = jsonProblem(value, what);
  check(problem === undefined, `${what} must survive a round trip through JSON.`, problem);
}

function jsonProblem(value: unknown, path: string): string | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : `${path} is ${String(value)}`;
  if (typeof value !== 'object') return `${path} is ${typeof value}`;
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype && Object.getPrototypeOf(value) !== null) {
    return `${path} is no plain object`;
  }
  for (const [key, item] of Object.entries(value)) {
    const problem = jsonProblem(item, `${path}.${key}`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function shorten(text: string | undefined): string {
  return text === undefined ? 'undefined' : text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
