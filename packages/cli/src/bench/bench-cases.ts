import type { BenchCase } from './bench-case.js';

interface CaseEntry {
  /** Whether `nla bench` without a name leaves it out: it takes minutes. */
  readonly onlyByName?: true;
  /** Repeats where the command line names none. Default: 5. */
  readonly repeats?: number;
  /** Runs before them that do not count, where the command line names none. Default: 1. */
  readonly warmup?: number;
  /** Packages that a Python needs to be measured beside. Absent: the case has no counterpart there. */
  readonly peerPackages?: readonly string[];
  /** Whether it can be measured against the kernels of the library under a backend. */
  readonly stock?: true;
  load(): Promise<BenchCase>;
}

const inference = ['torch', 'transformers'];
const training = [...inference, 'peft'];
const packing = ['torch', 'bitsandbytes'];
const quantized = [...training, 'bitsandbytes'];

/** All benchmarks by name, one file each, imported when they run. */
export const benchCases: ReadonlyMap<string, CaseEntry> = new Map<string, CaseEntry>([
  ['startup', { peerPackages: training, load: async () => (await import('./startup.js')).startupCase }],
  ['load', { peerPackages: inference, load: async () => (await import('./load.js')).loadCase }],
  ['nf4', { peerPackages: packing, load: async () => (await import('./nf4.js')).nf4Case }],
  ['generate', { stock: true, peerPackages: inference, load: async () => (await import('./generate.js')).generateCase }],
  ['tiny-step', { stock: true, peerPackages: training, load: async () => (await import('./tiny-step.js')).tinyStepCase }],
  ['extract', { load: async () => (await import('./extract.js')).extractCase }],
  ['nf4-e2b', { onlyByName: true, repeats: 1, peerPackages: packing, load: async () => (await import('./nf4-e2b.js')).nf4E2bCase }],
  ['extract-e2b', { onlyByName: true, repeats: 1, load: async () => (await import('./extract.js')).extractE2bCase }],
  [
    'e2b-step',
    {
      onlyByName: true,
      repeats: 1,
      warmup: 0,
      stock: true,
      peerPackages: quantized,
      load: async () => (await import('./e2b-step.js')).e2bStepCase,
    },
  ],
]);
