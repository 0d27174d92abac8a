import { NlaError, type Plugin, type PluginKind } from '@nlakit/core';
import { atomicWriteFile } from '@nlakit/safetensors';
import manifest from '../package.json' with { type: 'json' };
import { conformanceCases } from './conformance-cases.js';
import type { ConformanceCase } from './conformance-case.js';
import { levelOf, type CaseResult, type ConformanceReport } from './conformance-report.js';
import { createSubject, type OpenSubject } from './create-subject.js';
import type { FixturesOf } from './fixtures.js';
import { startEngine } from './start-engine.js';

/** How a suite is run. */
export interface RunOptions {
  /** Names of the cases to run; all if left out. A report of a part says nothing of the level. */
  readonly only?: readonly string[];
  /** Called after each case, for progress. */
  readonly onCase?: (result: CaseResult) => void;
  /** Ends the run before the next case. */
  readonly signal?: AbortSignal;
}

/**
 * Runs the suite of the plugin's kind and says what holds, at which level. Never throws for what the plugin does wrong: that is in
 * the report. Cases run one after another. Throws `E_CONFORMANCE` for a kind that has no suite, and `E_INTERRUPTED`.
 */
export async function runConformance<Kind extends PluginKind>(
  plugin: Plugin<Kind>,
  fixtures: FixturesOf<Kind>,
  { only, onCase, signal }: RunOptions = {},
): Promise<ConformanceReport> {
  const subject = createSubject(plugin, fixtures);
  const results: CaseResult[] = [];
  try {
    for (const one of conformanceCases(plugin)) {
      if (only?.includes(one.name) === false) continue;
      if (signal?.aborted === true) throw new NlaError('E_INTERRUPTED', { message: 'Interrupted: the suite has not run to its end.' });
      const result = await resultOf(one, subject);
      results.push(result);
      onCase?.(result);
    }
  } finally {
    await subject.dispose();
  }
  return reportOf(subject, results);
}

/** Runs one case and catches what it throws. */
export async function resultOf<Kind extends PluginKind>(one: ConformanceCase<Kind>, subject: OpenSubject<Kind>): Promise<CaseResult> {
  const started = performance.now();
  const done = (rest: Pick<CaseResult, 'outcome' | 'reason' | 'because'>): CaseResult => ({
    name: one.name,
    level: one.level,
    ...rest,
    milliseconds: Math.round(performance.now() - started),
  });
  try {
    await startEngine(subject.plugin.kind, subject.fixtures);
    const skip = await one.skip?.(subject);
    if (skip !== undefined) return done({ outcome: 'skipped', ...skip });
    await one.run(subject);
    return done({ outcome: 'passed' });
  } catch (error) {
    return done({ outcome: 'failed', reason: error instanceof Error ? error.message : String(error) });
  }
}

/** What results amount to. */
export function reportOf<Kind extends PluginKind>(subject: OpenSubject<Kind>, cases: readonly CaseResult[]): ConformanceReport {
  const { name, version, kind, specVersion } = subject.plugin;
  const count = (outcome: CaseResult['outcome']): number => cases.filter((one) => one.outcome === outcome).length;
  return {
    schema: 1,
    plugin: { name, version, kind, specVersion },
    suite: { name: manifest.name, version: manifest.version },
    level: levelOf(cases),
    ok: count('failed') === 0,
    passed: count('passed'),
    failed: count('failed'),
    skipped: count('skipped'),
    cases,
    findings: subject.findings,
    facts: subject.facts,
    host: { node: process.version, platform: process.platform, architecture: process.arch },
    date: new Date().toISOString().slice(0, 10),
  };
}

/** Writes `conformance.json`: whole or not at all. */
export async function writeConformanceReport(file: string, report: ConformanceReport): Promise<void> {
  await atomicWriteFile(file, `${JSON.stringify(report, null, 2)}\n`);
}
