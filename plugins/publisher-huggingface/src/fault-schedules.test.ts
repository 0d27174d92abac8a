import { seededFaults, startFakeHub, type FakeHub, type SeededFaultOptions } from '@nlakit/conformance/fake-hub';
import { isNlaError, type Release } from '@nlakit/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HuggingFaceOptions } from './options.js';
import { buffersOf, contentOf, releaseOf, safetensors, someBytes, token, trajectoryFiles, workplaceOf } from './testing/workplace.js';

/** Everything that may go wrong on the way: half of it before anything took effect, half of it after. */
const types: NonNullable<SeededFaultOptions['types']> = [
  'status',
  'drop',
  'truncate',
  'slow-request',
  'drop-request',
  'raced',
  'expired-token',
];

/** What may be left behind by a publication that ended with an error. */
const clearErrors = /^E_HUB_(UNREACHABLE|RESPONSE|RATE_LIMIT|TOKEN|CONFLICT)$|^E_PUBLISH_(CONFLICT|VISIBILITY)$/;

const files = { ...trajectoryFiles(), 'trajectory/step_000100/adapter_model.safetensors': safetensors(someBytes(900, 'one part')) };
const schedules = Array.from({ length: 200 }, (_, index) => index + 1);

/** Every push runs the first ones. */
const quickSchedules = 40;

/** A way to publish that the seed fixes. */
function optionsOf(seed: number): Partial<HuggingFaceOptions> {
  return {
    commits: seed % 2 === 0 ? 'single' : 'per-step',
    private: seed % 3 === 0,
    pullRequest: seed % 7 === 0,
    ...(seed % 5 === 0 ? { revision: 'dev' } : {}),
  };
}

describe('publishing under faults', { timeout: 120_000 }, () => {
  let hub: FakeHub;
  let release: Release;
  beforeEach(async () => {
    hub = await startFakeHub({ tokens: { [token]: { user: 'owner' } }, partBytes: 1024 });
    release = await releaseOf(files);
  });
  afterEach(() => hub.stop());

  const wording = 'ends exactly right, or at a whole commit with a clear error, and right when it is done again';

  it(`${wording}: ${quickSchedules} schedules`, () => runSchedules(hub, release, schedules.slice(0, quickSchedules)));

  it(`${wording}: ${schedules.length - quickSchedules} more schedules`, { tags: ['slow'] }, () =>
    runSchedules(hub, release, schedules.slice(quickSchedules)),
  );
});

async function runSchedules(hub: FakeHub, release: Release, seeds: readonly number[]): Promise<void> {
  const ends: Record<string, number> = {};
  for (const seed of seeds) {
    const id = `owner/nla-${seed}`;
    const mine = { ...release, repository: id };
    const options = optionsOf(seed);
    const older = seed % 4 === 0 ? { 'README.md': '---\nlicense: mit\n---\nold', 'keep.txt': 'theirs' } : undefined;
    if (older !== undefined) hub.add({ id, files: older, private: options.private === true });
    const { publish } = workplaceOf(hub);
    // Faults without an end for every third schedule: those can only end with an error, or get through by luck.
    hub.fault = seededFaults(seed, {
      rate: 0.15 + 0.5 * ((seed % 10) / 10),
      ...(seed % 3 === 1 ? {} : { most: 3 }),
      types: seed % 6 === 0 ? types : types.filter((type) => type !== 'expired-token'),
      withinBytes: 800,
    });
    const error: unknown = await publish(mine, options).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    hub.fault = undefined;
    const code = error === undefined ? 'done' : isNlaError(error) ? error.code : String(error);
    ends[code] = (ends[code] ?? 0) + 1;
    const place = `seed ${seed}: ${code}`;
    if (error !== undefined) expect(code, place).toMatch(clearErrors);
    checkCommits(hub, id, older ?? {}, place);
    if (error === undefined) checkEnd(hub, id, options, place);
    // Again, without faults: in a pull request where one was opened.
    const repository = hub.has(id) ? hub.repository(id) : undefined;
    const opened = [...(repository?.refs.keys() ?? [])].filter((name) => name.startsWith('refs/pr/'));
    expect(opened.length, place).toBeLessThanOrEqual(1);
    if (repository !== undefined && options.private === true) expect(repository.private, place).toBe(true);
    await publish(mine, opened[0] === undefined ? options : { ...options, pullRequest: false, revision: opened[0] });
    checkEnd(hub, id, options, place);
  }
  expect([...hub.uploads.values()].reduce((sum, count) => sum + count, 0)).toBe(2 * seeds.length);
  expect(hub.requests.filter(({ host, authorized }) => host === 'storage' && authorized)).toEqual([]);
  // Both kinds of end have been met, or the schedules say nothing.
  expect(ends['done']).toBeGreaterThan(0.3 * seeds.length);
  expect(seeds.length - (ends['done'] ?? 0)).toBeGreaterThan(0.1 * seeds.length);
}

/** Every commit that is there holds whole files as they were planned, beside what was there before and what others did. */
function checkCommits(hub: FakeHub, id: string, older: Readonly<Record<string, string>>, place: string): void {
  if (!hub.has(id)) return;
  const planned = buffersOf(files);
  for (const commit of hub.repository(id).commits.values()) {
    for (const [path, content] of Object.entries(contentOf(commit))) {
      if (path === 'somebody-else.txt') continue;
      const allowed = [planned[path], older[path] === undefined ? undefined : Buffer.from(older[path])];
      expect(
        allowed.some((candidate) => candidate?.equals(content)),
        `${place}: ${path}`,
      ).toBe(true);
    }
    // A checkpoint comes whole or not at all.
    for (const step of ['trajectory/step_000050/', 'trajectory/step_000100/']) {
      expect([0, 3], place).toContain([...commit.files.keys()].filter((path) => path.startsWith(step)).length);
    }
  }
}

/** The revision holds exactly what was planned, and tags say so. */
function checkEnd(hub: FakeHub, id: string, options: Partial<HuggingFaceOptions>, place: string): void {
  const repository = hub.repository(id);
  const revision = options.pullRequest === true ? 'refs/pr/1' : (options.revision ?? 'main');
  const head = repository.resolve(revision);
  const content = contentOf(head);
  delete content['somebody-else.txt'];
  delete content['keep.txt'];
  expect(content, place).toEqual(buffersOf(files));
  if (options.pullRequest === true) return;
  expect(repository.resolve('latest')?.oid, place).toBe(head?.oid);
  for (const step of ['000050', '000100']) {
    const tagged = repository.resolve(`step-${step}`);
    const path = `trajectory/step_${step}/adapter_model.safetensors`;
    expect(Buffer.from(tagged?.files.get(path)?.content ?? []).equals(Buffer.from(files[path as keyof typeof files] ?? '')), place).toBe(
      true,
    );
  }
}
