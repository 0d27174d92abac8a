import { resolve } from 'node:path';
import { NlaError, type Publisher } from '@nlakit/core';
import { applyOverrides, createSeedStreams, loadPlugin, preparePlugin, type OpenedRun } from '@nlakit/run';
import { overridesOf, usage, type CommandContext } from './command-context.js';
import { pluginSpecifier } from './plugin-specifier.js';

/** Which publisher, and what of its options the command line decides. */
export interface PublisherChoice {
  /** `directory`, `huggingface`, or a plugin. */
  readonly to: string;
  readonly hubUrl?: string;
  readonly private?: boolean;
  /** The run's data is published, in a repository for datasets. */
  readonly data?: boolean;
  /** The command runs the run itself, so its `--set` are of the whole config. */
  readonly ofRun?: boolean;
}

/** The publisher of the run's config if it is the one named, with its options; else the named one with its defaults. */
export async function createPublisher(context: CommandContext, run: OpenedRun, command: PublisherChoice): Promise<Publisher> {
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
function overriddenOptions(context: CommandContext, given: unknown, command: PublisherChoice): Readonly<Record<string, unknown>> {
  // A run's own overrides are part of its record already; those of publishing may only be of the publisher.
  const overrides = command.ofRun === true ? [] : overridesOf(context);
  const stranger = overrides.find(({ path }) => !path.startsWith('publisher.options.'));
  if (stranger !== undefined) throw usage('--set', stranger.path, 'publisher.options.<name>=<value>: publishing uses nothing else');
  const { publisher } = applyOverrides({ publisher: { options: given } }, overrides) as { publisher: { options: Record<string, unknown> } };
  return {
    ...publisher.options,
    ...(command.hubUrl === undefined ? {} : { hubUrl: command.hubUrl }),
    ...(command.private === true ? { private: true } : {}),
    // A folder is a folder; the Hub keeps models and datasets apart.
    ...(command.data === true && pluginSpecifier('publisher', command.to) === '@nlakit/publisher-huggingface' ? { type: 'dataset' } : {}),
  };
}
