import { describeConformance } from '@nlakit/conformance/vitest';
import { describe, it } from 'vitest';
import { notInstalled } from './__fixtures__/not-installed.js';
import { plugin } from './index.js';

const reason = await notInstalled();

if (reason === undefined) describeConformance(plugin, { badOptions: [{ multiply: 'int8' }, { threads: 0 }] });
else describe('conformance', () => it.skip(`skipped: ${reason}`));
