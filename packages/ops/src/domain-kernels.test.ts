import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, it } from 'vitest';
import { describeDomainKernels } from './testing/index.js';

describeDomainKernels({ describe, it, expect }, 'cpu', () => Promise.resolve());
