import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { openSplit, readDatasetSidecar, resolveSidecars, shuffleSplit, splitOf, type ShuffledPart } from '@nlakit/dataset';
import type { SplitName } from '@nlakit/core';
import { createSeedStreams } from '@nlakit/run';
import { datasetSidecarPath } from '@nlakit/sidecar';
import { usage, wholeNumber, type CommandContext } from '../command-context.js';
import { releaseSupplement, type ReleaseOptions } from '../release-options.js';

interface ShuffleCommandOptions extends ReleaseOptions {
  readonly out: string;
  readonly what: ShuffledPart;
  readonly seed: string;
}

/** `nla data shuffle`: the control of any data file, with rows, vectors or explanations dealt out anew. */
export async function dataShuffle(context: CommandContext, options: ShuffleCommandOptions, path = ''): Promise<undefined> {
  const { io, log } = context;
  const source = resolve(io.cwd, path);
  const out = resolve(io.cwd, options.out);
  for (const file of [out, datasetSidecarPath(out)])
    if (existsSync(file)) throw usage('--out', options.out, `a file that is not there yet; ${basename(file)} is`);
  const seeds = createSeedStreams(wholeNumber(options.seed, '--seed', 0));
  const name = await splitNamed(source);
  const sidecar = (await resolveSidecars({ [name]: source }, await releaseSupplement(options, io)))[name]?.sidecar;
  const split = await openSplit(source, name, sidecar === undefined ? {} : { sidecar });
  const { what } = options;
  const task = `shuffle ${basename(source)}`;
  const done = await shuffleSplit(split, out, {
    what,
    seeds,
    signal: io.signal,
    onProgress: (rows) => log.progress({ task, done: rows, total: split.length, unit: 'rows' }),
  });
  const { file, sidecarFile, rows, sha256, datasetId, own, sameDocument } = done;
  const broken = what === 'rows' ? {} : { own, sameDocument };
  context.print({ file, sidecarFile, what, seed: seeds.seed, rows, sha256, datasetId, ...broken }, () =>
    [
      `${file}: ${rows} rows, ${what} shuffled with seed ${seeds.seed}`,
      ...(what === 'rows'
        ? ['Every row is whole: only their order is another.']
        : [`${own} drew their own again; ${sameDocument} have vector and explanation of one document.`]),
    ].join('\n'),
  );
  return undefined;
}

/** What a file is for: its own sidecar knows, and its name is a guess. */
async function splitNamed(path: string): Promise<SplitName> {
  if (!existsSync(datasetSidecarPath(path))) return splitOf(path);
  const { stage } = await readDatasetSidecar(path);
  return stage === 'av_sft' ? 'avSft' : stage === 'ar_sft' ? 'arSft' : 'heldOut';
}
