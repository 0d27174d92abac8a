import type { RandomStream } from '@nlakit/core';
import { excerptsOf, topicOf, topics, type Synset } from '@nlakit/wordnet';

/** A text whose last token is probed. */
export interface ProbeRow {
  /** `lemma: first words of the definition` */
  readonly text: string;
  /** Index in `topics`. */
  readonly label: number;
  /** Words of the definition that were read. */
  readonly wordsRead: number;
  /** Id of the synset. */
  readonly synset: string;
}

/**
 * Draws `perTopic` rows of every topic: synsets in random order, a random excerpt of each. A topic with too few synsets is gone through
 * again with other excerpts; if those run out too, it gives fewer rows. No excerpt comes twice.
 */
export function drawProbeRows(synsets: readonly Synset[], perTopic: number, random: RandomStream): ProbeRow[] {
  const rows: ProbeRow[] = [];
  for (const [label, topic] of topics.entries()) {
    const pending = random
      .shuffle(synsets.filter((synset) => topicOf(synset.lexicographerFile) === topic))
      .map((synset) => ({ synset: synset.id, excerpts: random.shuffle(excerptsOf(synset)) }));
    const drawn: ProbeRow[] = [];
    for (let pass = 0; drawn.length < perTopic && pending.some(({ excerpts }) => excerpts.length > pass); pass += 1) {
      for (const { synset, excerpts } of pending) {
        const excerpt = excerpts[pass];
        if (excerpt !== undefined && drawn.length < perTopic)
          drawn.push({ text: excerpt.text, wordsRead: excerpt.wordsRead, label, synset });
      }
    }
    rows.push(...drawn);
  }
  return rows;
}
