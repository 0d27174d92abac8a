import { writeFile } from 'node:fs/promises';
import { faultSequence, type Fault } from '@nlakit/conformance/fake-hub';
import { isNlaError, type NlaError, type Release } from '@nlakit/core';
import { describe, expect, it } from 'vitest';
import { buffersOf, contentOf, releaseOf, safetensors, someBytes, token, trajectoryFiles, workplace } from './testing/workplace.js';

async function errorOf(work: Promise<unknown>): Promise<NlaError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isNlaError(error)) throw new Error(`not an NlaError: ${String(error)}`, { cause: error });
  return error;
}

const fileAt = (release: Release, path: string): string => {
  const source = release.files.find((file) => file.path === path)?.source;
  return source !== undefined && 'file' in source ? source.file : '';
};

describe('huggingFacePublisher', () => {
  it('plans without changing anything', async () => {
    const { hub, plan } = await workplace();
    const files = trajectoryFiles();
    const planned = await plan(await releaseOf(files));
    expect(hub.has('owner/nla')).toBe(false);
    expect(hub.requests.every(({ method, kind }) => method === 'GET' || kind === 'validate')).toBe(true);
    expect(planned.destination).toBe(`${hub.url}/owner/nla`);
    expect(planned.files.map(({ path, bytes, unchanged }) => [path, bytes, unchanged])).toEqual(
      Object.keys(files)
        .sort()
        .map((path) => [path, Buffer.from(files[path] ?? '').length, false]),
    );
    expect(planned.files.filter(({ large }) => large).map(({ path }) => path)).toEqual([
      'figures/loss.png',
      'trajectory/step_000050/adapter_model.safetensors',
      'trajectory/step_000100/adapter_model.safetensors',
    ]);
    expect(planned.warnings.map(({ code }) => code)).toEqual(['W_PUBLISH_NEW']);
  });

  it('publishes one commit per checkpoint with the card last, tags, and finds everything there afterwards', async () => {
    const { hub, plan, publish } = await workplace();
    const files = trajectoryFiles();
    const release = await releaseOf(files);
    const events = await publish(release, { private: true });
    const repository = hub.repository('owner/nla');
    expect(repository.private).toBe(true);
    expect(contentOf(repository.resolve('main'))).toEqual(buffersOf(files));
    expect([...repository.commits.values()].map(({ message }) => message)).toEqual([
      'initial commit',
      'Add trajectory/step_000050',
      'Add trajectory/step_000100',
      'Add eval',
      'Update the card',
    ]);
    const first = repository.resolve('step-000050');
    expect(Object.keys(contentOf(first))).toEqual([
      'LICENSE',
      'trajectory/step_000050/adapter_config.json',
      'trajectory/step_000050/adapter_model.safetensors',
      'trajectory/step_000050/nla_meta.yaml',
    ]);
    expect(repository.resolve('latest')).toBe(repository.resolve('main'));
    expect(repository.resolve('step-000100')?.parent).toBe(first?.oid);

    const total = Object.values(files).reduce((sum, content) => sum + Buffer.from(content).length, 0);
    const done = events.flatMap((event) => (event.type === 'progress' ? [event.doneBytes] : []));
    expect(done).toEqual([...done].sort((a, b) => a - b));
    expect(done.at(-1)).toBe(total);
    expect(events.at(-1)).toMatchObject({ type: 'done', bytes: total, url: `${hub.url}/owner/nla` });
    expect(hub.requests.filter(({ host }) => host === 'storage').every(({ authorized }) => !authorized)).toBe(true);
    expect(hub.requests.filter(({ kind }) => kind === 'upload').length).toBe(2 * 3);

    const again = await plan(release, { private: true });
    expect(again.files.every(({ unchanged }) => unchanged)).toBe(true);
    expect(again.warnings).toEqual([]);
    hub.clearRequests();
    await publish(release, { private: true });
    expect(hub.requests.filter(({ method }) => method !== 'GET').map(({ kind }) => kind)).toEqual(['validate']);
  });

  it('makes one commit of all if told so, and replaces what has changed', async () => {
    const { hub, plan, publish } = await workplace();
    const files = trajectoryFiles();
    await publish(await releaseOf(files), { commits: 'single' });
    const repository = hub.repository('owner/nla');
    expect(repository.commits.size).toBe(2);
    const first = repository.resolve('main')?.oid;
    const changed = { ...files, 'trajectory/step_000100/adapter_model.safetensors': safetensors(someBytes(2000, 'new')) };
    const release = await releaseOf(changed);
    expect((await plan(release)).warnings.map(({ code }) => code)).toEqual(['W_PUBLISH_REPLACES']);
    hub.clearRequests();
    await publish(release);
    expect(contentOf(repository.resolve('main'))).toEqual(buffersOf(changed));
    // The tag of the step that changed has moved with it; the other one still says the truth.
    expect(repository.resolve('step-000050')?.oid).toBe(first);
    expect(repository.resolve('step-000100')).toBe(repository.resolve('main'));
    expect(repository.resolve('latest')).toBe(repository.resolve('main'));
    expect(hub.uploadedBytes()).toBe(changed['trajectory/step_000100/adapter_model.safetensors'].length);
  });

  it('publishes to a branch, and opens one pull request', async () => {
    const { hub, publish } = await workplace();
    hub.add({ id: 'owner/nla', files: { 'mine.txt': 'keep' } });
    const files = trajectoryFiles();
    const release = await releaseOf(files);
    const repository = hub.repository('owner/nla');
    const before = repository.resolve('main');
    const events = await publish(release, { pullRequest: true });
    expect(events.at(-1)).toMatchObject({ url: `${hub.url}/owner/nla/discussions/1` });
    expect([...repository.refs.keys()]).toEqual(['main', 'refs/pr/1']);
    expect(repository.resolve('main')).toBe(before);
    expect(contentOf(repository.resolve('refs/pr/1'))).toEqual({ ...buffersOf(files), 'mine.txt': Buffer.from('keep') });
    await publish(release, { revision: 'refs/pr/1' });
    expect([...repository.refs.keys()]).toEqual(['main', 'refs/pr/1']);
    await publish(release, { revision: 'dev/x', tags: false });
    expect(contentOf(repository.resolve('dev/x'))).toMatchObject(buffersOf(files));
    expect(repository.resolve('main')).toBe(before);
  });

  it('publishes datasets', async () => {
    const { hub, publish } = await workplace();
    const files = {
      'README.md': '---\nlicense: cc-by-sa-4.0\n---\n\n# Rows\n',
      LICENSE: 'terms',
      'data/av_sft.parquet': someBytes(3000, 'rows'),
      'data/av_sft.parquet.nla_meta.yaml': 'kind: nla_dataset\n',
    };
    await publish(await releaseOf(files), { type: 'dataset' });
    expect(contentOf(hub.repository('owner/nla', 'dataset').resolve('main'))).toEqual(buffersOf(files));
    expect(hub.has('owner/nla')).toBe(false);
    expect((await errorOf(publish(await releaseOf(files)))).code).toBe('E_PUBLISH_LEAK');
  });

  it('refuses what must not leave, before anything is asked of the Hub', async () => {
    const { hub, publish } = await workplace();
    const files = { ...trajectoryFiles(), 'notes.md': `fine\nfound at /home/someone/run\n${token}\n`, 'optimizer.pt': 'x' };
    const error = await errorOf(publish(await releaseOf(files)));
    expect(error).toMatchObject({ code: 'E_PUBLISH_LEAK', details: { kind: 'input', file: 'notes.md', line: 2 } });
    expect(String(error)).toContain('notes.md:3');
    expect(String(error)).toContain('optimizer.pt');
    expect(String(error)).not.toContain(token);
    expect(hub.requests).toEqual([]);
  });

  it('takes texts of the corpus out unless they are asked for', async () => {
    const { hub, plan, publish } = await workplace();
    const files = { ...trajectoryFiles(), 'index.html': '<p>private words</p>', 'data-sheet.html': '<p>private words</p>' };
    const release = await releaseOf(files);
    const planned = await plan(release, { corpusText: 'none' });
    expect(planned.leftOut).toEqual(
      ['data-sheet.html', 'index.html'].map((path) => ({ path, reason: expect.stringContaining('texts of the corpus') as string })),
    );
    expect(planned.warnings.map(({ code }) => code)).toContain('W_PUBLISH_CORPUS');
    await publish(release, { corpusText: 'none' });
    const published = contentOf(hub.repository('owner/nla').resolve('main'));
    expect(JSON.parse(String(published['eval/h5/step_000100.json']))).toEqual({ rows: [{ cosines: { AV_OUT: 0.5 } }], summary: { n: 1 } });
    expect(String(published['README.md'])).not.toMatch(/Examples|some text/);
    expect(String(published['README.md'])).toContain('## Limits');
    expect(Buffer.concat(Object.values(published)).includes('private words')).toBe(false);
    await publish(release, { corpusText: 'examples' });
    expect(contentOf(hub.repository('owner/nla').resolve('main'))).toEqual(buffersOf(files));
  });

  it('wants a base model that others can find, and writes the one it is given', async () => {
    const { hub, publish } = await workplace();
    const files = trajectoryFiles([50]);
    const local = Object.fromEntries(
      Object.entries(files).map(([path, content]) => [
        path,
        typeof content === 'string' ? content.replaceAll('google/base', './model') : content,
      ]),
    );
    local['README.md'] = String(local['README.md']).replace('base_model: ./model\n', '');
    const error = await errorOf(publish(await releaseOf(local)));
    expect(error).toMatchObject({ code: 'E_PUBLISH_LEAK', details: { file: 'trajectory/step_000050/adapter_config.json', line: 1 } });
    await publish(await releaseOf(local), { baseModel: 'google/other' });
    const published = contentOf(hub.repository('owner/nla').resolve('main'));
    expect(JSON.parse(String(published['trajectory/step_000050/adapter_config.json']))).toMatchObject({
      base_model_name_or_path: 'google/other',
      r: 2,
    });
    expect(String(published['trajectory/step_000050/nla_meta.yaml'])).toContain('base_checkpoint: google/other\n');
    expect(String(published['README.md'])).toMatch(
      /^---\nlicense: apache-2\.0\n[\s\S]*base_model: google\/other\nbase_model_relation: adapter\n---\n\n# Card/,
    );
  });

  it('shows the card to the Hub first', async () => {
    const { hub, plan } = await workplace();
    const files = { ...trajectoryFiles(), 'README.md': '---\nlicense: my-own\n---\n' };
    expect(await errorOf(plan(await releaseOf(files)))).toMatchObject({ code: 'E_PUBLISH_CARD', details: { file: 'README.md' } });
    expect(hub.has('owner/nla')).toBe(false);
  });

  it('does not put what is to be private where others read', async () => {
    const { hub, plan, publish } = await workplace();
    hub.add({ id: 'owner/nla' });
    const release = await releaseOf(trajectoryFiles());
    expect((await errorOf(plan(release, { private: true }))).code).toBe('E_PUBLISH_VISIBILITY');
    hub.repository('owner/nla').private = true;
    await publish(release, { private: true });
    const other = await workplace();
    // Somebody makes a public one between the plan and the publication.
    other.hub.fault = faultSequence([{ type: 'raced' }], ({ kind }) => kind === 'create');
    await other.publish(release, { private: true });
    expect(other.hub.repository('owner/nla').private).toBe(true);
  });

  it('needs a token that may write', async () => {
    const { hub, plan, publish } = await workplace();
    const release = await releaseOf(trajectoryFiles());
    const none = { env: { HF_HOME: '/nowhere' } };
    expect((await plan(release, none)).warnings.map(({ code }) => code)).toContain('W_PUBLISH_TOKEN');
    expect((await errorOf(publish(release, none))).code).toBe('E_HUB_TOKEN');
    expect((await errorOf(publish(release, { env: { HF_TOKEN: 'secret' } }))).message).not.toContain('secret');
    expect((await errorOf(publish(release, { tokenFromEnv: 'NOT_SET' }))).code).toBe('E_HUB_TOKEN');
    hub.tokens.set(token, { user: 'owner', readOnly: true });
    expect((await errorOf(publish(release))).code).toBe('E_HUB_FORBIDDEN');
    hub.tokens.set(token, { user: 'owner', expired: true });
    expect((await errorOf(publish(release))).code).toBe('E_HUB_TOKEN');
    hub.tokens.set(token, { user: 'somebody', organizations: ['owner'] });
    await publish(release);
    expect((await errorOf(publish({ ...release, repository: 'not an id' }))).code).toBe('E_HUB_ID');
    expect((await errorOf(plan(release, { env: { HF_HUB_OFFLINE: '1' } }))).code).toBe('E_HUB_OFFLINE');
  });

  it('goes on after a commit of somebody else, unless that changed the same files', async () => {
    const { hub, publish } = await workplace();
    const files = trajectoryFiles();
    const release = await releaseOf(files);
    hub.fault = faultSequence([{ type: 'raced' }, { type: 'raced' }], ({ kind }) => kind === 'commit');
    await publish(release);
    const repository = hub.repository('owner/nla');
    expect(contentOf(repository.resolve('main'))).toMatchObject(buffersOf(files));
    expect(repository.resolve('main')?.files.has('somebody-else.txt')).toBe(true);

    const changed = await releaseOf({ ...files, 'README.md': '---\nlicense: mit\n---\nmine' });
    hub.fault = ({ kind, earlier }) => {
      if (kind === 'commit' && earlier === 0) repository.commit({ 'README.md': 'theirs' });
      return undefined;
    };
    hub.clearRequests();
    const error = await errorOf(publish(changed));
    expect(error).toMatchObject({ code: 'E_PUBLISH_CONFLICT', details: { found: expect.stringContaining('README.md') } });
    expect(String(repository.resolve('main')?.files.get('README.md')?.content)).toBe(String(new TextEncoder().encode('theirs')));
  });

  it.each<[string, Fault, string, number]>([
    ['an answer of a commit', { type: 'drop' }, 'commit', 1],
    ['half an answer of a commit', { type: 'truncate', bytes: 20 }, 'commit', 1],
    ['an answer of an upload', { type: 'drop' }, 'upload', 1],
    ['a completion of an upload', { type: 'drop' }, 'complete', 1],
    ['an answer of a creation', { type: 'drop' }, 'create', 2],
  ])('does not repeat what was done when it loses %s', async (_what, fault, kind, times) => {
    const { hub, publish } = await workplace({ partBytes: kind === 'complete' ? 1024 : 1e6 });
    const files = trajectoryFiles([50]);
    const release = await releaseOf(files);
    hub.fault = faultSequence([fault], (place) => place.kind === kind);
    await publish(release, { commits: 'single' });
    const repository = hub.repository('owner/nla');
    expect(repository.commits.size).toBe(2);
    expect(contentOf(repository.resolve('main'))).toEqual(buffersOf(files));
    expect(hub.requests.filter((request) => request.kind === kind).length).toBe(times);
    expect([...hub.uploads.values()].every((count) => count === 1)).toBe(true);
  });

  it('opens one pull request when it loses the answer', async () => {
    const { hub, publish } = await workplace();
    hub.add({ id: 'owner/nla' });
    hub.fault = faultSequence([{ type: 'drop' }], ({ kind }) => kind === 'commit');
    const files = trajectoryFiles();
    const events = await publish(await releaseOf(files), { pullRequest: true });
    const repository = hub.repository('owner/nla');
    expect([...repository.refs.keys()].filter((name) => name.startsWith('refs/pr/'))).toEqual(['refs/pr/1']);
    expect(contentOf(repository.resolve('refs/pr/1'))).toEqual(buffersOf(files));
    expect(events.at(-1)).toMatchObject({ url: `${hub.url}/owner/nla/discussions/1` });
  });

  it('waits as long as it is asked to', async () => {
    const { hub, publish } = await workplace();
    hub.fault = faultSequence([{ type: 'status', status: 429, retryAfter: 0.3 }], ({ kind }) => kind === 'commit');
    const start = performance.now();
    await publish(await releaseOf(trajectoryFiles([50])));
    expect(performance.now() - start).toBeGreaterThanOrEqual(300);
  });

  it('stops before the first byte, and in the middle; what was sent is not sent again', async () => {
    const { hub, publish } = await workplace();
    const files = { ...trajectoryFiles(), 'trajectory/step_000050/adapter_model.safetensors': safetensors(someBytes(200_000, 'big')) };
    const release = await releaseOf(files);
    expect((await errorOf(publish(release, {}, AbortSignal.abort()))).code).toBe('E_INTERRUPTED');
    expect(hub.has('owner/nla')).toBe(false);
    const stop = new AbortController();
    hub.fault = ({ kind, earlier, path }) => {
      if (kind === 'upload' && earlier === 0 && path.includes('/parts/') && path.endsWith('/100')) stop.abort();
      return undefined;
    };
    expect((await errorOf(publish(release, {}, stop.signal))).code).toBe('E_INTERRUPTED');
    expect(hub.repository('owner/nla').commits.size).toBe(1);
    hub.fault = undefined;
    await publish(release);
    expect(contentOf(hub.repository('owner/nla').resolve('main'))).toEqual(buffersOf(files));
    expect([...hub.uploads.values()].every((count) => count === 1)).toBe(true);
  });

  it('stops the work when the reader stops reading', async () => {
    const { hub, plan } = await workplace();
    const release = await releaseOf(trajectoryFiles());
    const { huggingFacePublisher } = await import('./hugging-face-publisher.js');
    const { optionsSchema } = await import('./options.js');
    const publisher = huggingFacePublisher({ ...optionsSchema.parse({ hubUrl: hub.url, corpusText: 'all' }), env: { HF_TOKEN: token } });
    for await (const _ of publisher.publish(await plan(release), new AbortController().signal)) break;
    const asked = hub.requests.length;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(hub.requests.length).toBe(asked);
  });

  it('does not publish a file that changed after the plan', async () => {
    const { hub } = await workplace();
    const { huggingFacePublisher } = await import('./hugging-face-publisher.js');
    const { optionsSchema } = await import('./options.js');
    const release = await releaseOf(trajectoryFiles([50]));
    const publisher = huggingFacePublisher({ ...optionsSchema.parse({ hubUrl: hub.url, corpusText: 'all' }), env: { HF_TOKEN: token } });
    for (const path of ['trajectory/step_000050/adapter_model.safetensors', 'LICENSE']) {
      const plan = await publisher.plan(release);
      await writeFile(fileAt(release, path), 'other');
      const drain = async (): Promise<void> => {
        for await (const _ of publisher.publish(plan, new AbortController().signal));
      };
      expect(await errorOf(drain())).toMatchObject({ code: 'E_PUBLISH_FILE', details: { file: path } });
    }
    expect(hub.uploads.size).toBe(0);
  });
});
