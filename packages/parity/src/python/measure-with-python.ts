import { tf } from '@nlakit/ops';
import { presentBackends } from '../backends.js';
import { machineFacts } from '../machine-facts.js';
import type { ParityResult, ParityRow } from '../parity-row.js';
import { runComparisons } from '../run-comparisons.js';
import { createLab } from './lab.js';
import { pythonComparisons } from './python-comparisons.js';
import type { Python } from './python.js';

/** Measures every comparison with Python's libraries on every present backend. */
export async function measureWithPython(python: Python, each?: (row: ParityRow) => void): Promise<ParityResult> {
  const lab = await createLab(python);
  try {
    const comparisons = pythonComparisons(lab);
    // The host's first: they make all files, and a run among them makes its own backend current.
    const rows = await runComparisons(comparisons, 'host', 'host', each);
    const versions: Record<string, string> = { 'tfjs-core': tf.version_core };
    for (const { name, start } of (await presentBackends()).present) {
      versions[`backend ${name}`] = await start();
      rows.push(...(await runComparisons(comparisons, 'backend', name, each)));
    }
    return { rows, machine: machineFacts(), versions: { ...versions, ...python.versions } };
  } finally {
    await lab.dispose();
  }
}
