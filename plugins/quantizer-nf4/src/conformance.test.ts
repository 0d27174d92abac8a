import { describeConformance } from '@nlakit/conformance/vitest';
import { plugin } from './index.js';

describeConformance(plugin, { badOptions: [{ blockSize: 63 }, { computeDtype: 'float64' }] });
