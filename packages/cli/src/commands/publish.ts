import { resolve } from 'node:path';
import { NlaError, type PublishEvent } from '@nlakit/core';
import { buildRelease, openRun } from '@nlakit/run';
import { withBaseModelDocuments } from '../base-model-documents.js';
import { usage, type CommandContext } from '../command-context.js';
import { createPublisher, type PublisherChoice } from '../create-publisher.js';
import { formatBytes } from '../format-bytes.js';

interface PublishCommandOptions extends PublisherChoice {
  readonly repo?: string;
  readonly dryRun?: boolean;
  readonly live?: boolean;
  readonly data?: boolean;
  readonly license?: string;
}

/** `nla publish`: plans a release, prints the plan, and publishes unless it is a dry run. */
export async function publish(context: CommandContext, options: PublishCommandOptions, folder = ''): Promise<undefined> {
  const { io, log } = context;
  const run = await openRun(resolve(io.cwd, folder));
  const publisher = await createPublisher(context, run, options);
  const repository = options.repo ?? run.record.name;
  if (options.license !== undefined && options.data !== true)
    throw usage('--license', options.license, '--data beside it: a trajectory has the licence of its base model');
  if (options.live === true) {
    if (options.data === true) throw usage('--live', '--data beside it', 'one of them');
    if (options.dryRun === true) throw usage('--live', '--dry-run beside it', 'one of them');
    const { followRun } = await import('../follow-run.js');
    const state = await followRun({ run, publisher, repository, log, signal: io.signal });
    context.print(
      { live: true, ...state },
      () => `${state.steps.length} checkpoints and ${state.evaluations} evaluations at ${state.destination}`,
    );
    return undefined;
  }
  const release =
    options.data === true
      ? await (await import('../dataset-release.js')).buildDatasetRelease(run, repository, options.license)
      : await withBaseModelDocuments(await buildRelease(run, repository), run);
  const plan = await publisher.plan(release);
  if (options.data !== true) {
    // After what must not leave the machine: that is said in the publisher's own words.
    const { checkCards } = await import('@nlakit/report');
    await checkCards(release.files);
  }
  for (const { code, message } of plan.warnings) log.warn(`${code}: ${message}`);
  const files = plan.files.map(({ path, bytes, sha256, unchanged, large }) => ({
    path,
    bytes,
    sha256,
    unchanged,
    ...(large === undefined ? {} : { large }),
  }));
  const listing = (): string =>
    [
      ...files.map(
        ({ path, bytes, unchanged, large }) => `${unchanged ? '=' : '+'} ${path}  ${formatBytes(bytes)}${large === true ? '  large' : ''}`,
      ),
      ...(plan.leftOut ?? []).map(({ path, reason }) => `- ${path}  left out: ${reason}`),
    ].join('\n');
  if (options.dryRun === true) {
    context.print(
      { dryRun: true, ...plan, files },
      () => `${listing()}\n${files.length} files, ${formatBytes(plan.totalBytes)} to ${plan.destination}`,
    );
    return undefined;
  }
  let done: Extract<PublishEvent, { type: 'done' }> | undefined;
  for await (const event of publisher.publish(plan, io.signal)) {
    if (event.type === 'done') done = event;
    else log.progress({ task: 'publish', done: event.doneBytes, total: event.totalBytes, unit: 'bytes' });
  }
  if (done === undefined) throw new NlaError('E_PUBLISH', { message: 'The publisher ended without saying that it is done.' });
  const destination = done.url ?? done.destination;
  context.print(
    { ...done, files },
    () => `${listing()}\n${files.length} files, ${formatBytes(plan.totalBytes)} published to ${destination}`,
  );
  return undefined;
}
