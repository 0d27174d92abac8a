import { isNlaError, NlaError, type PublishEvent, type PublishPlan, type Publisher } from '@nlakit/core';
import { pageOf } from '@nlakit/hub';
import { commitBatch, type CommittedState, type RevisionState } from './commit-batch.js';
import { identify, isListed, type IdentifiedFile } from './content-ids.js';
import { createEventChannel } from './event-channel.js';
import { openSession, requireToken, type HubSession } from './hub-session.js';
import type { HuggingFaceOptions } from './options.js';
import { planRelease } from './plan-release.js';
import { listRefs, setTag } from './refs.js';
import { releaseBatches, tagOf, type ReleaseBatch } from './release-batches.js';
import { openRepository, openRevision } from './open-revision.js';

/**
 * Publishes to the Hugging Face Hub. `plan` looks every file through, compares with what the Hub has and changes nothing. `publish` makes
 * the repository if need be, sends what is missing, and can be called again after any failure: what is there is neither sent nor
 * committed twice.
 *
 * `plan` throws `E_PUBLISH_PATH`, `E_PUBLISH_FILE`, `E_PUBLISH_LEAK`, `E_PUBLISH_CARD`, `E_PUBLISH_VISIBILITY` and the `E_HUB_…` errors;
 * `publish` also `E_PUBLISH_CONFLICT`, `E_PUBLISH_VERIFY`, `E_PUBLISH_TAG` and `E_INTERRUPTED`.
 */
export function huggingFacePublisher(options: HuggingFaceOptions): Publisher {
  return {
    name: 'huggingface',
    plan: (release) => planRelease(release, options),
    publish: (plan, signal) => publish(plan, options, signal),
  };
}

async function* publish(plan: PublishPlan, options: HuggingFaceOptions, signal: AbortSignal): AsyncGenerator<PublishEvent> {
  const channel = createEventChannel<PublishEvent>();
  // A reader who stops reading stops the work, too.
  const left = new AbortController();
  const work = publishAll(plan, options, AbortSignal.any([signal, left.signal]), (event) => {
    channel.push(event);
  }).then(
    () => {
      channel.end();
    },
    (reason: unknown) => {
      channel.end({ reason: signal.aborted ? interrupted(reason) : reason });
    },
  );
  try {
    yield* channel.events();
  } finally {
    left.abort();
    await work;
  }
}

async function publishAll(
  plan: PublishPlan,
  options: HuggingFaceOptions,
  signal: AbortSignal,
  tell: (event: PublishEvent) => void,
): Promise<void> {
  signal.throwIfAborted();
  const session = await openSession(plan.repository, options, signal);
  requireToken(session);
  const files = await Promise.all(plan.files.map(identify));
  await openRepository(session, options.private);
  const start = await openRevision(session);
  const progress = createProgress(files, start, tell);
  const batches = releaseBatches(files, options.commits);
  const tagged = new Map<string, string>();
  let state: CommittedState = start;
  for (const batch of batches) {
    signal.throwIfAborted();
    if (isComplete(batch, state)) continue;
    const openPullRequest = options.pullRequest && state.pullRequestUrl === undefined;
    const { pullRequestUrl } = state;
    const after = await commitBatch(session, batch, state, { openPullRequest, sent: progress });
    state = { ...after, ...(pullRequestUrl === undefined ? {} : { pullRequestUrl }) };
    for (const tag of tagsOf(batch)) tagged.set(tag, state.commit);
  }
  // What is not on the branch itself is not what its tags are for.
  if (options.tags && state.pullRequestUrl === undefined && !state.revision.startsWith('refs/pr/')) {
    await setTags(session, batches, state, tagged);
  }
  const url = state.pullRequestUrl ?? `${pageOf(session.subject)}${state.revision === 'main' ? '' : `/tree/${state.revision}`}`;
  tell({ type: 'done', destination: plan.destination, url, files: plan.files.length, bytes: plan.totalBytes });
}

/** Tells of bytes that have left, or need not leave because the Hub has them. */
function createProgress(
  files: readonly IdentifiedFile[],
  { files: listed }: RevisionState,
  tell: (event: PublishEvent) => void,
): (file: IdentifiedFile, bytes: number) => void {
  const totalBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const done = new Map(files.map((file) => [file.path, isListed(file, listed.get(file.path)) ? file.bytes : 0]));
  let doneBytes = [...done.values()].reduce((sum, bytes) => sum + bytes, 0);
  tell({ type: 'progress', path: '', doneBytes, totalBytes });
  return ({ path }, bytes) => {
    const before = done.get(path) ?? 0;
    // A file that is sent again because a connection was lost does not take back what was told.
    if (bytes <= before) return;
    done.set(path, bytes);
    doneBytes += bytes - before;
    tell({ type: 'progress', path, doneBytes, totalBytes });
  };
}

function isComplete({ files }: ReleaseBatch, { files: listed }: RevisionState): boolean {
  return files.every((file) => isListed(file, listed.get(file.path)));
}

function tagsOf({ files }: ReleaseBatch): readonly string[] {
  return [...new Set(files.flatMap(({ path }) => tagOf(path) ?? []))];
}

/** A tag for each step, at a commit that holds it as it is now, and `latest` at the newest commit. */
async function setTags(
  session: HubSession,
  batches: readonly ReleaseBatch[],
  state: RevisionState,
  tagged: ReadonlyMap<string, string>,
): Promise<void> {
  const { tags } = await listRefs(session);
  const ofTag = new Map<string, IdentifiedFile[]>();
  for (const file of batches.flatMap(({ files }) => files)) {
    const tag = tagOf(file.path);
    if (tag !== undefined) ofTag.set(tag, [...(ofTag.get(tag) ?? []), file]);
  }
  for (const [tag, files] of ofTag) {
    session.signal.throwIfAborted();
    const present = tags.get(tag);
    if (!tagged.has(tag) && present !== undefined && isComplete({ title: '', files }, { ...state, files: await session.list(present) }))
      continue;
    await setTag(session, tag, tagged.get(tag) ?? state.commit, present);
  }
  await setTag(session, 'latest', state.commit, tags.get('latest'));
}

function interrupted(cause: unknown): NlaError {
  if (isNlaError(cause) && cause.code === 'E_INTERRUPTED') return cause;
  return new NlaError('E_INTERRUPTED', {
    message: 'Interrupted: what has been uploaded is kept.',
    fix: 'Publish again; what is there is skipped.',
    cause,
  });
}
