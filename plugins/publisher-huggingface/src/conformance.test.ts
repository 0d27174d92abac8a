import { startFakeHub } from '@nlakit/conformance/fake-hub';
import { describeConformance } from '@nlakit/conformance/vitest';
import { afterAll } from 'vitest';
import { plugin } from './index.js';
import { releaseOf, token, trajectoryFiles } from './testing/workplace.js';

const hub = await startFakeHub({ tokens: { [token]: { user: 'owner' } }, partBytes: 1024, pageSize: 7 });
afterAll(() => hub.stop());
process.env['NLA_CONFORMANCE_TOKEN'] = token;

describeConformance(plugin, {
  options: { hubUrl: hub.url, tokenFromEnv: 'NLA_CONFORMANCE_TOKEN', corpusText: 'examples' },
  badOptions: [{ type: 'space' }, { baseModel: '/a/folder' }],
  release: () => releaseOf(trajectoryFiles()),
  published: (repository, path) => (hub.has(repository) ? hub.repository(repository).resolve('main')?.files.get(path)?.content : undefined),
});
