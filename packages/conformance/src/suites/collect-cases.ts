import type { TestRunner } from '@nlakit/ops/testing';
import type { PluginKind } from '@nlakit/core';
import { check, checkSame } from '../check.js';
import type { ConformanceCase, Subject } from '../conformance-case.js';

/**
 * Cases from a suite that declares itself on a test runner.
 *
 * @param before runs before each of them
 */
export function collectCases<Kind extends PluginKind>(
  declare: (runner: TestRunner) => void,
  common: { readonly prefix: string } & Pick<ConformanceCase<Kind>, 'level'>,
  before: (subject: Subject<Kind>) => Promise<void>,
): ConformanceCase<Kind>[] {
  const cases: ConformanceCase<Kind>[] = [];
  const { prefix, ...rest } = common;
  const names: string[] = [];
  declare({
    describe: (name, body) => {
      names.push(name);
      body();
      names.pop();
    },
    it: (name, body) => {
      cases.push({
        name: `${prefix}${[...names, name].join(', ')}`,
        ...rest,
        run: async (subject) => {
          await before(subject);
          await body();
        },
      });
    },
    expect: (value, message = 'A value is another than expected.') => ({
      toBe: (expected) => check(Object.is(value, expected), message, String(value), String(expected)),
      toEqual: (expected) => checkSame(value, expected, message),
      toBeLessThan: (bound) => check(typeof value === 'number' && value < bound, message, String(value), `less than ${bound}`),
      toBeGreaterThan: (bound) => check(typeof value === 'number' && value > bound, message, String(value), `more than ${bound}`),
    }),
  });
  return cases;
}
