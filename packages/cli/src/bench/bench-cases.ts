import type { BenchCase } from './bench-case.js';

interface CaseEntry {
  /** Whether `nla bench` without a name leaves it out: it takes minutes. */
  readonly onlyByName?: true;
  /** Repeats where the command line names none. Default: 5. */
  readonly repeats?: number;
  load(): Promise<BenchCase>;
}

/** All benchmarks by name, one file each, imported when they run. */
export const benchCases: ReadonlyMap<string, CaseEntry> = new Map<string, CaseEntry>([
  ['startup', { load: async () => (await import('./startup.js')).startupCase }],
  ['load', { load: async () => (await import('./load.js')).loadCase }],
  ['nf4', { load: async () => (await import('./nf4.js')).nf4Case }],
  ['generate', { load: async () => (await import('./generate.js')).generateCase }],
  ['tiny-step', { load: async () => (await import('./tiny-step.js')).tinyStepCase }],
  ['extract', { load: async () => (await import('./extract.js')).extractCase }],
  ['extract-e2b', { onlyByName: true, repeats: 1, load: async () => (await import('./extract.js')).extractE2bCase }],
  ['e2b-step', { onlyByName: true, repeats: 1, load: async () => (await import('./e2b-step.js')).e2bStepCase }],
]);
