import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { isNlaError } from '@nlakit/core';
import type { DatasetContext, JsonValue, NlaContract, SplitName } from '@nlakit/core';
import { openSplit, splitFile } from '@nlakit/dataset';
import type { ParquetSplit } from '@nlakit/dataset';
import { probeActivation, sameActivation, type ActivationProbe } from '@nlakit/nla';
import { wordnetVersion } from '@nlakit/wordnet';
import type { WordnetDatasetOptions } from './options.js';

/** What a dataset was made from, kept in its sidecars: whoever makes it again can tell whether anything has changed. */
export interface Origin {
  /** sha256 (hex) of options, seed, contract, tokenizer and WordNet version. */
  readonly fingerprint: string;
  readonly probe: ActivationProbe;
}

/** Key of the {@link Origin} in a sidecar. */
export const originKey = 'x_wordnet';

/** Changes when the same inputs are to give other rows. */
const procedure = 1;

/** The origin of what would be made now. One short forward pass. */
export async function originOf(
  options: WordnetDatasetOptions,
  seed: number,
  contract: NlaContract,
  { model, layer }: Pick<DatasetContext, 'model' | 'layer'>,
): Promise<Origin> {
  const { batch: _, ...choices } = options;
  const parts = { procedure, choices, seed, contract, tokenizer: model.tokenizer.sha256, wordnet: wordnetVersion() };
  return { fingerprint: createHash('sha256').update(JSON.stringify(parts)).digest('hex'), probe: await probeActivation(model, layer) };
}

/** The splits in a folder, if all three are there, whole, and of that origin; undefined otherwise. */
export async function openIfMade(folder: string, origin: Origin): Promise<Readonly<Record<SplitName, ParquetSplit>> | undefined> {
  const open = async (name: SplitName): Promise<ParquetSplit | undefined> => {
    const file = splitFile(folder, name);
    if (!existsSync(file)) return undefined;
    const split = await openSplit(file, name);
    return sameOrigin(split.sidecar.extensions[originKey], origin) ? split : undefined;
  };
  try {
    const [avSft, arSft, heldOut] = [await open('avSft'), await open('arSft'), await open('heldOut')];
    return avSft && arSft && heldOut && { avSft, arSft, heldOut };
  } catch (error) {
    // A file or sidecar that cannot be read is made again.
    if (isNlaError(error)) return undefined;
    throw error;
  }
}

function sameOrigin(found: JsonValue | undefined, origin: Origin): boolean {
  const { fingerprint, probe } = (found ?? {}) as Partial<Origin>;
  return fingerprint === origin.fingerprint && probe !== undefined && sameActivation(probe, origin.probe);
}
