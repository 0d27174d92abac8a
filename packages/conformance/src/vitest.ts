import type { Plugin, PluginKind } from '@nlakit/core';
import { afterAll, describe, it } from 'vitest';
import { conformanceCases } from './conformance-cases.js';
import type { CaseResult } from './conformance-report.js';
import { createSubject } from './create-subject.js';
import type { FixturesOf } from './fixtures.js';
import { reportOf, resultOf, writeConformanceReport } from './run-conformance.js';

/** Where a test leaves its report. */
export interface DescribeOptions {
  /** File that `conformance.json` is written to when the cases are done. Default: nowhere. */
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
      if (out !== undefined) await writeConformanceReport(out, reportOf(subject, results));
    });
  });
}
