import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { PublishEvent, PublishPlan, Publisher, Release, ReleaseFile } from '@nlakit/core';
import { writeAdapter } from '@nlakit/lora';
import { writeSafetensors } from '@nlakit/safetensors';
import { check, checkRefuses, checkSame } from '../check.js';
import type { ConformanceCase, Skip, Subject } from '../conformance-case.js';

/** What a publisher must do: look at everything before it sends anything, send exactly that, and do no harm when it is cut off. */
export function publisherCases(): ConformanceCase<'publisher'>[] {
  return [
    {
      name: 'publisher: plans every file with its size and hash',
      level: 1,
      run: async (subject) => {
        const publisher = await subject.shared();
        check(publisher.name !== '', 'A publisher has a name.');
        const release = await releaseOf(subject, 'plans');
        const plan = await publisher.plan(release);
        check(plan.repository === release.repository, 'The plan is for another repository.', plan.repository, release.repository);
        check(plan.destination !== '', 'The plan does not say where to.');
        const leftOut = new Set((plan.leftOut ?? []).map(({ path }) => path));
        for (const { path, reason } of plan.leftOut ?? []) check(reason !== '', `${path} is left out without a reason.`);
        const planned = new Map(plan.files.map((file) => [file.path, file]));
        check(planned.size === plan.files.length, 'A file is planned twice.');
        for (const file of release.files.filter(({ path }) => !leftOut.has(path))) {
          check(planned.has(file.path), 'A file of the release is neither planned nor left out with a reason.', file.path);
        }
        for (const file of plan.files) {
          const content = await contentOf(file);
          checkSame([file.bytes, file.sha256], [content.length, sha256Of(content)], `Size or sha256 of ${file.path} is wrong.`);
          check(!file.unchanged, `${file.path} is said to be there already.`);
        }
        const total = plan.files.reduce((sum, { bytes }) => sum + bytes, 0);
        check(plan.totalBytes === total, 'totalBytes is not the sum of the files.', String(plan.totalBytes), String(total));
        for (const { code, message } of plan.warnings)
          check(code !== '' && message !== '', 'A warning has a code and a message.', JSON.stringify({ code, message }));
      },
    },
    {
      name: 'publisher: refuses what must not leave the machine',
      level: 1,
      run: async (subject) => {
        const publisher = await subject.shared();
        for (const [what, file] of await forbiddenFiles(subject)) {
          const release = await releaseOf(subject, 'refused');
          const files = [...release.files.filter(({ path }) => path !== file.path), file];
          const message = await checkRefuses(what, () => publisher.plan({ ...release, files }));
          check(!message.includes(secret), 'The error message repeats the secret.');
        }
      },
    },
    {
      name: 'publisher: refuses paths that lead out of the release',
      level: 1,
      run: async (subject) => {
        const publisher = await subject.shared();
        const release = await releaseOf(subject, 'paths');
        for (const path of ['../stray.txt', '/etc/stray.txt', 'a/../../stray.txt', 'a\\stray.txt', '']) {
          await checkRefuses(`The path ${JSON.stringify(path)}`, () =>
            publisher.plan({ ...release, files: [...release.files, { path, source: { content: 'x' } }] }),
          );
        }
        const twice = [
          ...release.files,
          { path: 'notes.txt', source: { content: 'one' } },
          { path: 'notes.txt', source: { content: 'two' } },
        ];
        await checkRefuses('Two files of one path', () => publisher.plan({ ...release, files: twice }));
      },
    },
    {
      name: 'publisher: refuses a file that cannot be read',
      level: 1,
      run: async (subject) => {
        const publisher = await subject.shared();
        const release = await releaseOf(subject, 'missing');
        const missing: ReleaseFile = { path: 'missing.txt', source: { file: join(await subject.folder(), 'missing.txt') } };
        await checkRefuses('A file that is not there', () => publisher.plan({ ...release, files: [...release.files, missing] }));
      },
    },
    {
      name: 'publisher: writes nothing while it plans',
      level: 1,
      skip: withoutLook,
      run: async (subject) => {
        const release = await releaseOf(subject, 'dry');
        await (await subject.shared()).plan(release);
        for (const { path } of release.files) {
          const found = await lookAt(subject, release, path);
          check(found === undefined, 'A file is published by the plan alone.', path);
        }
      },
    },
    {
      name: 'publisher: tells of its progress, and of its end',
      level: 1,
      run: async (subject) => {
        const { plan, events } = await publishAll(subject, await releaseOf(subject, 'progress'));
        let before = 0;
        for (const event of events) {
          if (event.type !== 'progress') continue;
          check(
            event.doneBytes >= before && event.doneBytes <= event.totalBytes,
            'Progress goes backwards, or beyond the whole.',
            `${event.doneBytes} of ${event.totalBytes} after ${before}`,
          );
          before = event.doneBytes;
        }
        const last = events.at(-1);
        check(last?.type === 'done', 'Publishing does not end with `done`.', last?.type);
        checkSame(
          [last.files, last.bytes],
          [plan.files.length, plan.totalBytes],
          '`done` tells of other files or bytes than were planned.',
        );
        check(last.destination !== '', '`done` does not say where the files are.');
      },
    },
    {
      name: 'publisher: stops before the first byte when it is told to',
      level: 1,
      run: async (subject) => {
        const publisher = await subject.create();
        const release = await releaseOf(subject, 'never');
        const plan = await publisher.plan(release);
        const events: PublishEvent[] = [];
        await checkRefuses('To publish what was stopped before it began', async () => {
          for await (const event of publisher.publish(plan, AbortSignal.abort())) events.push(event);
        });
        check(!events.some(({ type }) => type === 'done'), 'What was stopped says that it is done.');
        if (subject.fixtures.published === undefined) return;
        for (const { path } of plan.files)
          check((await lookAt(subject, release, path)) === undefined, 'A file is published although it was stopped before.', path);
      },
    },
    {
      name: 'publisher: publishes what was planned, byte for byte',
      level: 2,
      skip: withoutLook,
      run: async (subject) => {
        for (const release of await releasesOf(subject, 'whole')) {
          const { plan } = await publishAll(subject, release);
          await checkPublished(subject, release, plan);
        }
      },
    },
    {
      name: 'publisher: finds everything there the second time',
      level: 2,
      run: async (subject) => {
        for (const release of await releasesOf(subject, 'twice')) {
          await publishAll(subject, release);
          const again = await publishAll(subject, release);
          const changed = again.plan.files.filter(({ unchanged }) => !unchanged).map(({ path }) => path);
          check(changed.length === 0, 'Files that are there already are planned as new.', changed.join(', '));
          check(again.events.at(-1)?.type === 'done', 'Publishing what is there already does not end with `done`.');
        }
      },
    },
    {
      name: 'publisher: plans what has changed, and only that',
      level: 2,
      run: async (subject) => {
        const release = await releaseOf(subject, 'changed');
        await publishAll(subject, release);
        const files = release.files.map((file) => (file.path === 'notes.txt' ? { ...file, source: { content: 'other notes\n' } } : file));
        const { plan } = await publishAll(subject, { ...release, files });
        checkSame(
          plan.files.filter(({ unchanged }) => !unchanged).map(({ path }) => path),
          ['notes.txt'],
          'Other files are planned as changed than have changed.',
        );
        if (subject.fixtures.published !== undefined) await checkPublished(subject, { ...release, files }, plan);
      },
    },
    {
      name: 'publisher: does not publish a file that has changed since the plan',
      level: 2,
      run: async (subject) => {
        const file = join(await subject.folder(), 'late.txt');
        await writeFile(file, 'as planned');
        const base = await releaseOf(subject, 'late');
        const release: Release = { ...base, files: [...base.files, { path: 'late.txt', source: { file } }] };
        const publisher = await subject.create();
        const plan = await publisher.plan(release);
        await writeFile(file, 'as changed');
        await checkRefuses('To publish a file that is not the one that was planned', () => drain(publisher, plan));
        if (subject.fixtures.published === undefined) return;
        const found = await lookAt(subject, release, 'late.txt');
        check(
          found === undefined,
          'A file is published that nobody has looked through.',
          found === undefined ? '' : Buffer.from(found).toString(),
        );
      },
    },
    {
      name: 'publisher: goes on wherever it was stopped',
      level: 2,
      run: async (subject) => {
        const whole = await publishAll(subject, await releaseOf(subject, 'uncut'));
        for (let point = 1; point < whole.events.length; point += 1) {
          const release = await releaseOf(subject, `cut-${point}`);
          const publisher = await subject.create();
          const controller = new AbortController();
          let seen = 0;
          try {
            for await (const event of publisher.publish(await publisher.plan(release), controller.signal)) {
              seen += 1;
              if (seen === point) controller.abort();
              if (event.type === 'done' && seen > point + 2)
                check(false, 'Publishing goes on to its end after it was told to stop.', `${seen - point} more events`);
            }
          } catch {
            // It says so or it just ends; what counts is what is there after the next time.
          }
          const { plan, events } = await publishAll(subject, release);
          check(events.at(-1)?.type === 'done', `Publishing does not end after it was stopped behind its event ${point}.`);
          if (subject.fixtures.published !== undefined) await checkPublished(subject, release, plan);
        }
        subject.record('points of interruption', whole.events.length - 1);
      },
    },
  ];
}

/** Looks like a token of the Hub, and is none. */
const secret = `hf_${'q'.repeat(34)}`;

function withoutLook({ fixtures }: Subject<'publisher'>): Skip | undefined {
  return fixtures.published === undefined
    ? { because: 'no-fixture', reason: 'the fixtures have no `published`: nobody can look at what arrived' }
    : undefined;
}

/** The suite's release, under a name of its own for every case. */
async function releaseOf(subject: Subject<'publisher'>, name: string): Promise<Release> {
  const folder = await subject.folder();
  const fileAt = (path: string): ReleaseFile => ({ path, source: { file: join(folder, path) } });
  const spec = { rank: 1, alpha: 2, dropout: 0, targets: ['q_proj'], rankStabilized: false };
  const pair = { a: { shape: [1, 4], data: Float32Array.of(1, 2, 3, 4) }, b: { shape: [4, 1], data: Float32Array.of(5, 6, 7, 8) } };
  const step = 'trajectory/step_000050';
  await mkdir(join(folder, step), { recursive: true });
  await writeAdapter(join(folder, step), {
    spec,
    pairs: new Map([['model.layers.0.self_attn.q_proj', pair]]),
    baseModel: 'google/gemma-4-E2B',
  });
  return {
    repository: `owner/conformance-${name}`,
    baseModel: 'google/gemma-4-E2B',
    files: [
      {
        path: 'README.md',
        source: { content: '---\nlicense: apache-2.0\nbase_model: google/gemma-4-E2B\nlibrary_name: peft\n---\n\n# Card\n' },
      },
      { path: 'LICENSE', source: { content: 'terms\n' } },
      { path: 'notes.txt', source: { content: 'notes\n' } },
      fileAt(`${step}/adapter_config.json`),
      fileAt(`${step}/adapter_model.safetensors`),
    ],
    metadata: {},
  };
}

async function releasesOf(subject: Subject<'publisher'>, name: string): Promise<Release[]> {
  const { release } = subject.fixtures;
  const own = await releaseOf(subject, name);
  return release === undefined ? [own] : [own, { ...(await release(await subject.folder())), repository: `owner/conformance-own-${name}` }];
}

/** What no release may hold, each by one file. */
async function forbiddenFiles(subject: Subject<'publisher'>): Promise<[what: string, file: ReleaseFile][]> {
  const folder = await subject.folder();
  const moments = join(folder, 'moments.safetensors');
  await writeSafetensors(moments, new Map([['adapter/first_moment/x', { shape: [2], data: Float32Array.of(1, 2) }]]));
  const text = (path: string, content: string): ReleaseFile => ({ path, source: { content } });
  return [
    ['A path of this machine', text('notes.txt', `read from ${join(homedir(), 'private', 'data.parquet')}\n`)],
    ['An absolute path', text('notes.txt', 'read from /home/someone/data.parquet\n')],
    ['A token', text('notes.txt', `token: ${secret}\n`)],
    ['A private key', text('deploy.pem', 'key\n')],
    ['A file of settings with secrets', text('.env', 'NAME=value\n')],
    ['A state to resume from', { path: 'resume/step_000050/tensors.safetensors', source: { file: moments } }],
    ['An optimizer state under another name', { path: 'trajectory/step_000050/extra.safetensors', source: { file: moments } }],
    ['A pickle', text('trajectory/step_000050/optimizer.pt', 'x')],
  ];
}

async function publishAll(
  subject: Subject<'publisher'>,
  release: Release,
): Promise<{ readonly plan: PublishPlan; readonly events: readonly PublishEvent[] }> {
  const publisher = await subject.create();
  const plan = await publisher.plan(release);
  return { plan, events: await drain(publisher, plan) };
}

async function drain(publisher: Publisher, plan: PublishPlan): Promise<PublishEvent[]> {
  const events: PublishEvent[] = [];
  for await (const event of publisher.publish(plan, new AbortController().signal)) events.push(event);
  return events;
}

/** Fails unless the destination has every planned file as it was planned, and nothing of what was left out. */
async function checkPublished(subject: Subject<'publisher'>, release: Release, plan: PublishPlan): Promise<void> {
  for (const { path, sha256 } of plan.files) {
    const found = await lookAt(subject, release, path);
    check(found !== undefined, 'A planned file is not published.', path);
    check(
      sha256Of(found) === sha256,
      `${path} is published with another content.`,
      `${found.length} bytes, sha256 ${sha256Of(found)}`,
      sha256,
    );
  }
  for (const { path } of plan.leftOut ?? [])
    check((await lookAt(subject, release, path)) === undefined, 'A file is published that was to be left out.', path);
}

async function lookAt({ fixtures }: Subject<'publisher'>, { repository }: Release, path: string): Promise<Uint8Array | undefined> {
  return fixtures.published?.(repository, path);
}

async function contentOf({ source }: ReleaseFile): Promise<Uint8Array> {
  return 'content' in source ? Buffer.from(source.content) : readFile(source.file);
}

function sha256Of(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
