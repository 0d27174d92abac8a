import type { Comparison } from './comparison.js';
import { optimizerComparisons } from './comparisons/adamw-8bit.js';
import { adamWComparisons } from './comparisons/adamw.js';
import { decodingComparisons } from './comparisons/decoding.js';
import { forwardComparisons } from './comparisons/forward.js';
import { gradientComparisons } from './comparisons/gradients.js';
import { injectionComparisons } from './comparisons/injection.js';
import { loraComparisons } from './comparisons/lora.js';
import { nf4PackingComparisons } from './comparisons/nf4-packing.js';
import { nf4Comparisons } from './comparisons/nf4.js';
import { paddingComparisons } from './comparisons/padding.js';

/** Every comparison, in the order of the table. */
export function allComparisons(): Comparison[] {
  return [
    ...forwardComparisons(),
    ...gradientComparisons(),
    ...injectionComparisons(),
    ...paddingComparisons(),
    ...decodingComparisons(),
    ...loraComparisons(),
    ...nf4PackingComparisons(),
    ...nf4Comparisons(),
    ...adamWComparisons(),
    ...optimizerComparisons(),
  ];
}
