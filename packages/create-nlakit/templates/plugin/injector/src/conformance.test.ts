import { describeConformance } from '@nlakit/conformance/vitest';
import { plugin } from './index.js';

describeConformance(plugin, { options: { factor: 2 }, badOptions: [{ factor: 0 }, { perLayerIds: 'other' }] }, { out: 'conformance.json' });
