import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeConformance } from '@nlakit/conformance/vitest';
import { afterAll } from 'vitest';
import { plugin } from './index.js';

const folder = await mkdtemp(join(tmpdir(), 'nla-published-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

describeConformance(
  plugin,
  {
    options: { to: folder, leaveOut: ['drafts/'] },
    badOptions: [{ to: '' }, { leaveOut: [''] }],
    published: (repository, path) => readFile(join(folder, repository, path)).catch(() => undefined),
  },
  { out: 'conformance.json' },
);
