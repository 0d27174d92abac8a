import { mkdtemp, mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PublishEvent, Release } from '@nlakit/core';
import { describe, expect, it } from 'vitest';
import { directoryPublisher } from './index.js';

const release = (files: Record<string, string>): Release => ({
  repository: 'someone/tiny',
  baseModel: 'base',
  files: Object.entries(files).map(([path, content]) => ({ path, source: { content } })),
  metadata: {},
});

async function publishAll(root: string, what: Release): Promise<PublishEvent[]> {
  const publisher = directoryPublisher(root);
  const events: PublishEvent[] = [];
  for await (const event of publisher.publish(await publisher.plan(what), new AbortController().signal)) events.push(event);
  return events;
}

describe('directoryPublisher', () => {
  it('copies, then finds everything unchanged, and leaves strangers alone', async () => {
    const root = await mkdtemp(join(tmpdir(), 'nla-publish-'));
    const what = release({ 'README.md': '# card\n', 'trajectory/step_000050/nla_meta.yaml': 'kind: nla_model\n' });
    await mkdir(join(root, 'someone/tiny'), { recursive: true });
    await writeFile(join(root, 'someone/tiny/mine.txt'), 'keep');
    const events = await publishAll(root, what);
    expect(events.at(-1)).toMatchObject({ type: 'done', files: 2, bytes: 23 });
    const before = await stat(join(root, 'someone/tiny/README.md'));
    const plan = await directoryPublisher(root).plan(what);
    expect(plan.files.map(({ unchanged }) => unchanged)).toEqual([true, true]);
    await publishAll(root, what);
    expect((await stat(join(root, 'someone/tiny/README.md'))).mtimeMs).toBe(before.mtimeMs);
    expect(await readFile(join(root, 'someone/tiny/mine.txt'), 'utf8')).toBe('keep');
    expect((await readdir(join(root, 'someone/tiny'))).sort()).toEqual(['README.md', 'mine.txt', 'trajectory']);
  });

  it('says what it will replace', async () => {
    const root = await mkdtemp(join(tmpdir(), 'nla-publish-'));
    await publishAll(root, release({ a: 'one' }));
    const plan = await directoryPublisher(root).plan(release({ a: 'two' }));
    expect(plan.warnings).toHaveLength(1);
    expect(plan.files[0]).toMatchObject({ unchanged: false, bytes: 3 });
  });

  it('refuses paths that lead out of the release', async () => {
    for (const path of ['../x', '/etc/passwd', 'a/../../x', '', 'a\\b']) {
      await expect(directoryPublisher('/nowhere/root').plan(release({ [path]: 'x' }))).rejects.toMatchObject({ code: 'E_PUBLISH_PATH' });
    }
    await expect(directoryPublisher('/nowhere/root').plan({ ...release({}), repository: '../up' })).rejects.toMatchObject({
      code: 'E_PUBLISH_PATH',
    });
  });

  it('refuses machine paths and tokens with file and line', async () => {
    const token = `hf_${'a'.repeat(34)}`;
    for (const text of ['ok\npath: /home/someone/data.parquet\n', 'ok\nC:\\Users\\me\\x', `ok\n${token}`, 'ok\nfile:///srv/x']) {
      await expect(directoryPublisher('/nowhere/root').plan(release({ 'card.md': text }))).rejects.toMatchObject({
        code: 'E_PUBLISH_LEAK',
        details: { file: 'card.md', line: 2 },
      });
    }
    await expect(directoryPublisher('/nowhere/root').plan(release({ a: token }))).rejects.not.toThrow(token);
  });

  it.skipIf(process.platform !== 'linux')('comes back with an error from where nothing can be written', async () => {
    await expect(publishAll('/proc/nla', release({ a: 'one' }))).rejects.toMatchObject({
      code: 'E_PUBLISH_WRITE',
      details: { file: '/proc/nla/someone/tiny/a', found: expect.stringContaining('ENOENT') },
    });
  });

  it('does not publish a file that changed after the plan', async () => {
    const root = await mkdtemp(join(tmpdir(), 'nla-publish-'));
    const file = join(root, 'weights.safetensors');
    await writeFile(file, 'one');
    const publisher = directoryPublisher(join(root, 'out'));
    const plan = await publisher.plan({ ...release({}), files: [{ path: 'w.safetensors', source: { file } }] });
    await writeFile(file, 'two');
    const drain = async (): Promise<void> => {
      for await (const _ of publisher.publish(plan, new AbortController().signal));
    };
    await expect(drain()).rejects.toMatchObject({ code: 'E_PUBLISH_FILE' });
    expect(await readdir(join(root, 'out/someone/tiny'))).toEqual([]);
  });
});
