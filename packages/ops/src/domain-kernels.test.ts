import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, it } from 'vitest';
import { describeDomainKernels } from './testing/index.js';

/** tfjs in JavaScript takes seconds for what is huge, and counts in doubles. */
const tags = (name: string): string[] => (name.includes('70001') ? ['slow'] : []);

describeDomainKernels({ describe, expect, it: (name, body) => it(name, { tags: tags(name) }, body) }, 'cpu', () => Promise.resolve());
