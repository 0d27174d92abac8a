import { resolve } from 'node:path';
import { NlaError, type PublishEvent, type Publisher } from '@nlakit/core';
import { applyOverrides, buildRelease, createSeedStreams, loadPlugin, openRun, preparePlugin, type OpenedRun } from '@nlakit/run';
import { withBaseModelDocuments } from '../base-model-documents.js';
import { overridesOf, usage, type CommandContext } from '../command-context.js';
import { formatBytes } from '../format-bytes.js';
import { pluginSpecifier } from '../plugin-specifier.js';

interface PublishCommandOptions {
  readonly to: string;
  readonly repo?: string;
  readonly hubUrl?: string;
  readonly private?: boolean;
  readonly dryRun?: boolean;
}

/** `nla publish`: plans a release, prints the plan, and publishes unless it is a dry run. */
export async function publish(context: CommandContext, options: PublishCommandOptions, folder = ''): Promise<undefined> {
  const { io, log } = context;
  const run = await openRun(resolve(io.cwd, folder));
  const publisher = await createPublisher(context, run, options);
  const plan = await publisher.plan(await withBaseModelDocuments(await buildRelease(run, options.repo ?? run.record.name), run));
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

/** The publisher of the run's config if it is the one named, with its options; else the named one with its defaults. */
async function createPublisher(context: CommandContext, run: OpenedRun, command: PublishCommandOptions): Promise<Publisher> {
  const { host, io, log } = context;
  const configFolder = resolve(run.folder, run.record.configFolder);
  const use = pluginSpecifier('publisher', command.to);
  const slot = run.record.publisher;
  const loaded = await loadPlugin(use, 'publisher', { folder: configFolder, ...host });
  const given = slot?.name === loaded.plugin.name ? slot.given : {};
  const { plugin, options } = await preparePlugin(
    'publisher',
    { use, options: overriddenOptions(context, given, command) },
    { folder: configFolder, host },
  );
  return plugin.create(options, {
    use: (kind) => {
      throw new NlaError('E_PLUGIN_NEEDS', { message: `A publisher cannot use a ${kind}.` });
    },
    seeds: createSeedStreams(run.record.seed),
    signal: io.signal,
    log,
    baseFolder: configFolder,
  });
}

/** Options with those of this command and its `--set publisher.options.…` in them; nothing else of the config matters here. */
function overriddenOptions(context: CommandContext, given: unknown, command: PublishCommandOptions): Readonly<Record<string, unknown>> {
  const overrides = overridesOf(context);
  const stranger = overrides.find(({ path }) => !path.startsWith('publisher.options.'));
  if (stranger !== undefined) throw usage('--set', stranger.path, 'publisher.options.<name>=<value>: publishing uses nothing else');
  const { publisher } = applyOverrides({ publisher: { options: given } }, overrides) as { publisher: { options: Record<string, unknown> } };
  return {
    ...publisher.options,
    ...(command.hubUrl === undefined ? {} : { hubUrl: command.hubUrl }),
    ...(command.private === true ? { private: true } : {}),
  };
}
