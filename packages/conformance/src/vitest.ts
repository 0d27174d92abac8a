import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Plugin, PluginKind } from '@nlakit/core';
import { afterAll, describe, expect, it } from 'vitest';
import { conformanceCases } from './conformance-cases.js';
import type { CaseResult } from './conformance-report.js';
import { createSubject } from './create-subject.js';
import type { FixturesOf } from './fixtures.js';
import { reportOf, resultOf, writeConformanceReport } from './run-conformance.js';

/** Where a test leaves its report. */
export interface DescribeOptions {
  /**
   * File that the report is written to when the cases are done. Default: nowhere, or with `NLA_CONFORMANCE=write` in the environment
   * `conformance.json` beside the nearest `package.json` above the test.
   */
  readonly out?: string;
}

/**
 * Declares the conformance suite of a plugin as vitest tests:
 *
 * ```ts
 * import { describeConformance } from '@nlakit/conformance/vitest';
 * import { plugin } from './index.js';
 *
 * describeConformance(plugin, { options: { rows: 8 } });
 * ```
 */
export function describeConformance<Kind extends PluginKind>(
  plugin: Plugin<Kind>,
  fixtures: FixturesOf<Kind> = {} as FixturesOf<Kind>,
  { out }: DescribeOptions = {},
): void {
  describe(`conformance of ${plugin.name}`, () => {
    const subject = createSubject(plugin, fixtures);
    const results: CaseResult[] = [];
    for (const one of conformanceCases(plugin)) {
      it(`L${one.level} ${one.name}`, async ({ skip }) => {
        const result = await resultOf(one, subject);
        results.push(result);
        if (result.outcome === 'failed') throw new Error(result.reason);
        if (result.outcome === 'skipped') skip(result.reason);
      });
    }
    afterAll(async () => {
      await subject.dispose();
      const file = out ?? (process.env['NLA_CONFORMANCE'] === 'write' ? shippedReport(expect.getState().testPath) : undefined);
      if (file !== undefined) await writeConformanceReport(file, reportOf(subject, results));
    });
  });
}

/** Where the package of a test ships its report. */
function shippedReport(testPath: string | undefined): string | undefined {
  for (let folder = testPath; folder !== undefined && folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return join(folder, 'conformance.json');
  }
  return undefined;
}
