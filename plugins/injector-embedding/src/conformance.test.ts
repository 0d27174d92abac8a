import { describeConformance } from '@nlakit/conformance/vitest';
import { plugin } from './index.js';

describeConformance(plugin, { badOptions: [{ scale: -1 }, { perLayerIds: 'other' }] });
