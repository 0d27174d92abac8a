import { describeConformance } from '@nlakit/conformance/vitest';
import { plugin } from './index.js';

describeConformance(
  plugin,
  { options: { bits: 8 }, badOptions: [{ bits: 1 }, { bits: 7.5 }], tolerance: 0.01 },
  { out: 'conformance.json' },
);
