import type { Comparison } from '../comparison.js';
import { adapterComparisons } from './adapters.js';
import type { Lab } from './lab.js';
import { optimizerComparisons } from './optimizers.js';
import { quantizedComparisons } from './quantized.js';
import { tensorFileComparisons } from './tensor-files.js';
import { tokenizerComparisons } from './tokenizers.js';

/** Every comparison with a Python library, in the order of the table. */
export function pythonComparisons(lab: Lab): Comparison[] {
  return [
    ...adapterComparisons(lab),
    ...quantizedComparisons(lab),
    ...tensorFileComparisons(lab),
    ...tokenizerComparisons(lab),
    ...optimizerComparisons(lab),
  ];
}
