import type { Figures } from '@nlakit/core';
import { estimateLabels, runDataPart, runDataStage, type DataPart } from '@nlakit/run';
import { alignColumns } from '../align-columns.js';
import { usage, type CommandContext } from '../command-context.js';
import { withSession } from '../with-session.js';

interface Sharding {
  readonly shard?: string;
}

/** `nla data extract`: the activations of a corpus, or one shard of them. */
export async function dataExtract(context: CommandContext, options: Sharding, config = ''): Promise<undefined> {
  await runPart(context, config, 'extract', options);
}

/** `nla data split`: which document goes where. */
export async function dataSplit(context: CommandContext, _options: unknown, config = ''): Promise<undefined> {
  await runPart(context, config, 'split', {});
}

/** `nla data label`: explanations, or what they would cost. */
export async function dataLabel(
  context: CommandContext,
  options: Sharding & { readonly dryRun?: boolean },
  config = '',
): Promise<undefined> {
  if (options.dryRun !== true) return runPart(context, config, 'label', options);
  await withSession(context, config, 'data label --dry-run', {}, async (session) => {
    const estimate = await estimateLabels(session);
    context.print(estimate, () =>
      [
        'Labelling would take (nobody was asked):',
        figureLines(estimate.figures),
        ...estimate.warnings.map(({ code, message }) => `${code}: ${message}`),
      ].join('\n'),
    );
  });
  return undefined;
}

/** `nla data build`: the data stage as a whole, what is done left as it is. */
export async function dataBuild(context: CommandContext, _options: unknown, config = ''): Promise<undefined> {
  await withSession(context, config, 'data build', {}, async (session) => {
    const { manifest, skipped } = await runDataStage(session);
    context.print({ folder: session.layout.dataFolder, skipped, ...manifest }, () =>
      [
        `${skipped ? 'Already there' : 'Built'}: ${session.layout.dataFolder}`,
        ...Object.entries(manifest.splits).map(([name, split]) => `  ${name}  ${split.rows} rows`),
      ].join('\n'),
    );
  });
  return undefined;
}

async function runPart(context: CommandContext, config: string, until: string, { shard }: Sharding): Promise<undefined> {
  const part: DataPart = { until, ...(shard === undefined ? {} : { shard: parseShard(shard) }) };
  const command = `data ${until}${shard === undefined ? '' : ` --shard ${shard}`}`;
  await withSession(context, config, command, {}, async (session) => {
    const { figures, files } = await runDataPart(session, part);
    context.print({ stage: until, ...(part.shard === undefined ? {} : { shard: part.shard }), figures, files }, () =>
      [`${until}: done`, figureLines(figures), ...files].join('\n'),
    );
  });
  return undefined;
}

/** `2/8`: part 2 of 8, counted from 0. */
function parseShard(text: string): { readonly index: number; readonly count: number } {
  const [, index, count] = /^(\d{1,6})\/(\d{1,6})$/.exec(text) ?? [];
  const shard = { index: Number(index), count: Number(count) };
  if (index === undefined || shard.count < 1 || shard.index >= shard.count)
    throw usage('--shard', text, 'i/n with i from 0 to n - 1, such as 0/4');
  return shard;
}

function figureLines(figures: Figures): string {
  return alignColumns(
    Object.entries(figures).map(([name, value]) => [`  ${name}`, shown(value)]),
    1,
  );
}

function shown(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(4);
}
