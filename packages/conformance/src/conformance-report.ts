import type { PluginKind } from '@nlakit/core';
import type { Finding, Level, Skip } from './conformance-case.js';

/** What became of one case. */
export interface CaseResult {
  readonly name: string;
  readonly level: Level;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  /** Why it failed or was skipped. */
  readonly reason?: string;
  readonly because?: Skip['because'];
  readonly milliseconds: number;
}

/** `conformance.json`: written by {@link runConformance} and `nla conformance`, never by hand. */
export interface ConformanceReport {
  readonly schema: 1;
  readonly plugin: { readonly name: string; readonly version: string; readonly kind: PluginKind; readonly specVersion: string };
  readonly suite: { readonly name: string; readonly version: string };
  /** The highest level whose cases, and those below it, all hold; 0 if the contract itself does not. */
  readonly level: 0 | Level;
  readonly ok: boolean;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly cases: readonly CaseResult[];
  readonly findings: readonly Finding[];
  /** What the cases measured: declared capabilities, errors, speeds. */
  readonly facts: Readonly<Record<string, string | number | boolean>>;
  readonly host: { readonly node: string; readonly platform: string; readonly architecture: string };
  /** The day of the test. */
  readonly date: string;
}

/**
 * The level that results amount to: cases of a level count once none of it or below it failed or lacked its fixture. What the plugin
 * does not declare does not keep it from a level, but a level is not reached by skipping alone.
 */
export function levelOf(cases: readonly Pick<CaseResult, 'level' | 'outcome' | 'because'>[]): 0 | Level {
  let reached: 0 | Level = 0;
  for (const level of [1, 2, 3, 4] as const) {
    const own = cases.filter((one) => one.level === level);
    if (own.some(({ outcome, because }) => outcome === 'failed' || because === 'no-fixture')) break;
    if (own.some(({ outcome }) => outcome === 'passed')) reached = level;
  }
  return reached;
}
