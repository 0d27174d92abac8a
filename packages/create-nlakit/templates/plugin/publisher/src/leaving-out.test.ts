import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { directoryPublisher } from '@nlakit/publisher-directory';
import { expect, it } from 'vitest';
import { leavingOut } from './leaving-out.js';

it('publishes the rest and names what stays', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nla-leaving-out-'));
  try {
    const publisher = leavingOut(directoryPublisher(folder), ['figures/'], 'mine');
    const files = ['README.md', 'figures/h5.svg'].map((path) => ({ path, source: { content: path } }));
    const plan = await publisher.plan({ repository: 'me/nla', baseModel: 'me/base', files, metadata: {} });
    expect(plan.leftOut).toEqual([{ path: 'figures/h5.svg', reason: 'leaveOut of the config' }]);
    for await (const event of publisher.publish(plan, new AbortController().signal)) expect(event.type).toMatch(/progress|done/);
    expect(await readdir(join(folder, 'me/nla'))).toEqual(['README.md']);
  } finally {
    await rm(folder, { recursive: true });
  }
});
