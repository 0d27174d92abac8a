import { createHash } from 'node:crypto';
import type { NlaContract, SplitName } from '@nlakit/core';

/** Names of the splits as upstream spells them in ids. */
const stageNames: Readonly<Record<SplitName, string>> = { avSft: 'av_sft', arSft: 'ar_sft', heldOut: 'rl' };

/** What names a dataset. */
export interface IdParts {
  readonly contract: Pick<NlaContract, 'baseModel' | 'layer'>;
  /** Names of the sources. */
  readonly corpus: string;
  readonly slice: { readonly start: number; readonly length: number };
}

/** `base_<model>_L<K>_<8 hex of sha256(base|K|corpus|slice)>`: the id of the rows before they are split. */
export function baseId({ contract, corpus, slice }: IdParts): string {
  const { baseModel, layer } = contract;
  const digest = createHash('sha256').update(`${baseModel}|${layer}|${corpus}|${slice.start}:${slice.length}`).digest('hex');
  return `base_${tag(baseModel)}_L${layer}_${digest.slice(0, 8)}`;
}

/** The id of a split and that of what it was built from, with everything that was done to it. */
export function splitIds(base: string, split: SplitName, labelled: boolean): { readonly id: string; readonly parent: string } {
  const name = stageNames[split];
  const parent = `${base}__${name}_raw${labelled ? '__explained' : ''}`;
  return { id: parent.replace(/^base_/, `${name}_`), parent };
}

function tag(model: string): string {
  return (model.split('/').at(-1) ?? model).replace(/[^\w.-]+/g, '-');
}
