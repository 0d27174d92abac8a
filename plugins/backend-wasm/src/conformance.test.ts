import { describeConformance } from '@nlakit/conformance/vitest';
import { plugin } from './index.js';

describeConformance(plugin, { badOptions: [{ maxHeapBytes: 0 }, { relaxedSimd: 'on' }] });
