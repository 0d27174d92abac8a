import type * as files from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSeedStreams } from '@nlakit/run';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { fakeConfig, fakeHost } from '../../run/src/test-support/fake-plugins.js';
import { runCli } from '../src/index.js';
import { allFiles, expectWholeCheckpoints, hashesOf } from './support/run-files.js';

/** A disk below `root` that can take so many more bytes, or refuses every write. */
const disk = vi.hoisted(() => ({ root: '', free: Infinity, written: 0, refusal: 'ENOSPC' }));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof files>();
  const onDisk = (path: unknown): boolean => typeof path === 'string' && disk.root !== '' && path.startsWith(disk.root);
  const refused = (): Error =>
    Object.assign(new Error(`${disk.refusal}: as a full disk says it, write`), { code: disk.refusal, syscall: 'write' });
  /** Takes as much as fits; what a full disk has taken before it refuses stays there. */
  const take = (wanted: number): number => {
    const taken = Math.max(0, Math.min(wanted, disk.free));
    disk.free -= taken;
    disk.written += taken;
    return taken;
  };
  const bytesOf = (data: unknown): Uint8Array => (typeof data === 'string' ? Buffer.from(data) : (data as Uint8Array));
  return {
    ...real,
    async open(...args: Parameters<typeof real.open>): Promise<FileHandle> {
      const handle = await real.open(...args);
      if (!onDisk(args[0])) return handle;
      const write = handle.write.bind(handle) as (data: Uint8Array, offset: number, length: number) => Promise<{ bytesWritten: number }>;
      const limited = async (data: Uint8Array, offset = 0, length = data.byteLength - offset) => {
        const taken = take(length);
        if (taken === 0 && length > 0) throw refused();
        return write(data, offset, taken);
      };
      return Object.assign(handle, { write: limited });
    },
    async writeFile(...[path, data, options]: Parameters<typeof real.writeFile>): Promise<void> {
      if (!onDisk(path)) return real.writeFile(path, data, options);
      const bytes = bytesOf(data);
      const taken = take(bytes.byteLength);
      await real.writeFile(path, bytes.subarray(0, taken), options);
      if (taken < bytes.byteLength) throw refused();
    },
    async appendFile(...[path, data, options]: Parameters<typeof real.appendFile>): Promise<void> {
      if (!onDisk(path)) return real.appendFile(path, data, options);
      const bytes = bytesOf(data);
      const taken = take(bytes.byteLength);
      await real.appendFile(path, bytes.subarray(0, taken), options);
      if (taken < bytes.byteLength) throw refused();
    },
  };
});

const made = ['data', 'reconstructor', 'trajectory', 'eval', 'resume'];
let place: string;

async function nlaRun(folder: string) {
  let out = '';
  const code = await runCli(
    ['run', 'nla.config.yaml', '--run-dir', folder, '--json'],
    {
      out: (text) => (out += text),
      error: () => undefined,
      terminal: false,
      interactive: false,
      color: false,
      columns: 80,
      cwd: place,
      signal: new AbortController().signal,
    },
    fakeHost(),
  );
  return { code, json: JSON.parse(out) as { error?: { code: string; message: string; file?: string; fix?: string } } };
}

beforeAll(async () => {
  vi.stubEnv('SOURCE_DATE_EPOCH', '1700000000');
  place = await mkdtemp(join(tmpdir(), 'nla-disk-'));
  await writeFile(join(place, 'nla.config.yaml'), fakeConfig);
});
afterEach(() => Object.assign(disk, { root: '', free: Infinity, written: 0, refusal: 'ENOSPC' }));
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(place, { recursive: true, force: true });
});

describe('a run on a disk that fills up', () => {
  it('says so wherever it happens, leaves nothing half written, and goes on when there is room', async () => {
    Object.assign(disk, { root: join(place, 'whole'), written: 0 });
    expect(await nlaRun('whole')).toMatchObject({ code: 0 });
    // The report is written last, by a writer that is not meant here, and takes most of the room.
    const report = await Promise.all((await allFiles(join(place, 'whole/report'))).map((path) => stat(join(place, 'whole/report', path))));
    const needed = disk.written - report.reduce((sum, { size }) => sum + size, 0);
    expect(needed).toBeGreaterThan(10_000);
    const whole = await hashesOf(join(place, 'whole'), made);
    const random = createSeedStreams(6).stream('disk');
    for (let trial = 0; trial < 8; trial++) {
      const folder = `full-${trial}`;
      Object.assign(disk, {
        root: join(place, folder),
        free: random.integer(needed),
        refusal: trial % 4 === 3 ? 'EROFS' : 'ENOSPC',
      });
      const { code, json } = await nlaRun(folder);
      expect({ trial, code, json }).toMatchObject({
        code: 1,
        json: { error: { code: 'E_WRITE', fix: expect.stringMatching(trial % 4 === 3 ? /read-only/ : /Free space/) } },
      });
      expect(json.error?.file).toContain(join(place, folder));
      await expectWholeCheckpoints(join(place, folder));
      expect((await allFiles(join(place, folder))).filter((path) => /(?:^|\/)\./.test(path))).toEqual([]);

      disk.free = Infinity;
      expect(await nlaRun(folder)).toMatchObject({ code: 0 });
      expect(await hashesOf(join(place, folder), made)).toEqual(whole);
    }
  });
});
