import { describeConformance } from '@nlakit/conformance/vitest';
import { describe } from 'vitest';
import { noAdapterReason, titled } from './__fixtures__/adapter-here.js';
import { plugin } from './index.js';

describe.skipIf(noAdapterReason !== undefined)(titled('on the adapter of this machine'), () => {
  describeConformance(plugin, { options: { allowSoftware: true }, badOptions: [{ maxBytes: 0 }, { powerPreference: 'much' }] });
});
