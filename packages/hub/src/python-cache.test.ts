import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { FakeHub } from '@nlakit/conformance/fake-hub';
import { describe, expect, it } from 'vitest';
import { filesBelow, modelFiles, wantedModelFiles, workplace } from './testing/workplace.js';

const run = promisify(execFile);
const python = process.env['NLAKIT_PYTHON'] ?? 'python3';

/** Runs a Python expression over `huggingface_hub` as `h` with the fake hub and the cache of the test; its value comes back as JSON. */
async function inPython(
  expression: string,
  hub: FakeHub,
  cacheFolder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const script = `import json, sys, huggingface_hub as h\nprint(json.dumps(eval(sys.argv[1])))`;
  const { stdout } = await run(python, ['-W', 'ignore', '-c', script, expression], {
    env: {
      PATH: process.env['PATH'],
      HF_HOME: dirname(cacheFolder),
      HF_HUB_CACHE: cacheFolder,
      HF_ENDPOINT: hub.url,
      HF_HUB_DISABLE_TELEMETRY: '1',
      HF_HUB_DISABLE_PROGRESS_BARS: '1',
      HF_HUB_DISABLE_UPDATE_CHECK: '1',
      NO_PROXY: '127.0.0.1',
      ...env,
    },
  });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as unknown;
}

async function requirePython(skip: (note?: string) => void): Promise<void> {
  const found = await run(python, ['-c', 'import huggingface_hub']).catch(() => undefined);
  if (found === undefined) skip(`${python} has no huggingface_hub; name a Python that has it in NLAKIT_PYTHON`);
}

describe('the cache shared with Python', () => {
  it.for([{}, { HF_HUB_DISABLE_SYMLINKS: '1' }])(
    'is accepted by huggingface_hub when nlakit made it (%o)',
    { tags: ['python'] },
    async (env, { skip }) => {
      await requirePython(skip);
      const { hub, pull, cacheFolder } = await workplace();
      const { folder, revision } = await pull({ env });
      hub.clearRequests();
      expect(await inPython(`h.snapshot_download('owner/model', local_files_only=True)`, hub, cacheFolder)).toBe(folder);
      expect(await inPython(`h.hf_hub_download('owner/model', 'config.json', revision='${revision}')`, hub, cacheFolder)).toBe(
        join(folder, 'config.json'),
      );
      expect(hub.requests).toEqual([]);
      const patterns = JSON.stringify(wantedModelFiles);
      expect(await inPython(`h.snapshot_download('owner/model', allow_patterns=${patterns})`, hub, cacheFolder)).toBe(folder);
      expect(hub.contentBytes()).toBe(0);
      const scan = `(lambda c: [len(c.warnings), [[r.repo_id, r.nb_files, [sorted(v.refs) for v in r.revisions]] for r in c.repos]])(h.scan_cache_dir())`;
      expect(await inPython(scan, hub, cacheFolder)).toEqual([0, [['owner/model', wantedModelFiles.length, [['main']]]]]);
    },
  );

  it('is used by nlakit when huggingface_hub made it', { tags: ['python'] }, async ({ skip }) => {
    await requirePython(skip);
    const { hub, pull, cacheFolder } = await workplace();
    const folder = await inPython(`h.snapshot_download('owner/model')`, hub, cacheFolder);
    expect(hub.contentBytes()).toBeGreaterThan(0);
    hub.clearRequests();
    const offline = await pull({ env: { HF_HUB_OFFLINE: '1' } });
    expect(hub.requests).toEqual([]);
    const result = await pull();
    expect(result).toMatchObject({ folder, receivedBytes: 0 });
    expect(offline.folder).toBe(folder);
    expect(result.files.map(({ path }) => path).sort()).toEqual(wantedModelFiles);
    // Releases before 2 keep no listing of the commit.
    expect(hub.requests.every(({ kind }) => kind === 'info' || kind === 'tree')).toBe(true);
    expect((await pull({ verify: true })).receivedBytes).toBe(0);
  });

  it('holds what both fetch of one revision, each file once', { tags: ['python'] }, async ({ skip }) => {
    await requirePython(skip);
    const { hub, pull, cacheFolder } = await workplace();
    await inPython(`h.snapshot_download('owner/model', allow_patterns=['*.json', 'model-00001*'])`, hub, cacheFolder);
    await pull();
    const folder = String(await inPython(`h.snapshot_download('owner/model')`, hub, cacheFolder));
    const sizes = Object.values(modelFiles).map((content) => Buffer.from(content).length);
    expect(await filesBelow(folder)).toEqual(Object.keys(modelFiles).sort());
    for (const [path, content] of Object.entries(modelFiles)) expect(await readFile(join(folder, path))).toEqual(Buffer.from(content));
    expect(hub.contentBytes()).toBe(sizes.reduce((sum, bytes) => sum + bytes, 0));
  });
});
