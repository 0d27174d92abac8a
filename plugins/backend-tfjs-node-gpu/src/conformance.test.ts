import { describeConformance } from '@nlakit/conformance/vitest';
import { plugin } from './index.js';

describeConformance(plugin, { badOptions: [{ multiply: 'int8' }, { threads: 0 }] });
