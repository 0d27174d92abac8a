import { createHash } from 'node:crypto';

/** Share of the synsets that no tokenizer, language model or NLA is trained on. */
export const heldOutShare = 0.1;

/**
 * Whether the synset of that id is held out. Depends on the id alone (sha256 of `wordnet|id`, first 32 bits), so the recipe of the
 * bundled model and the dataset keep the same synsets apart on every machine, and filters do not move the border.
 */
export function isHeldOut(id: string): boolean {
  return createHash('sha256').update(`wordnet|${id}`).digest().readUInt32BE(0) < heldOutShare * 0x1_0000_0000;
}
