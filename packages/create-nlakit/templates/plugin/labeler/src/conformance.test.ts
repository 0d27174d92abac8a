import { describeConformance } from '@nlakit/conformance/vitest';
import { plugin } from './index.js';

describeConformance(plugin, { badOptions: [{ topics: { animal: [] } }, { topics: { animal: ['Dog'] } }] }, { out: 'conformance.json' });
