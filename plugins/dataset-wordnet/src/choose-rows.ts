import type { RandomStream, Tokenizer } from '@nlakit/core';
import { excerptsOf, isHeldOut, topicOf, topics, type Excerpt, type Synset, type Topic, type WordNet } from '@nlakit/wordnet';
import type { WordnetDatasetOptions } from './options.js';

/** A row before its activation has been read. */
export interface ChosenRow {
  /** Id of the synset and number of words of its definition that are read: `02086723-n@5`. */
  readonly id: string;
  readonly synset: string;
  readonly topic: Topic;
  /** First name of the synset's first hypernym. */
  readonly hypernym: string;
  readonly excerpt: Excerpt;
  /** Token ids of the text, special ones included; the last one is the last of the text's last word. */
  readonly tokens: Int32Array;
}

/** The rows of a dataset. */
export interface ChosenRows {
  readonly train: readonly ChosenRow[];
  readonly heldOut: readonly ChosenRow[];
  /** Texts met on the way that have more tokens than allowed. */
  readonly overlong: number;
  /** Topics with fewer rows than wanted. */
  readonly short: readonly { readonly topic: Topic; readonly split: 'train' | 'heldOut'; readonly rows: number; readonly wanted: number }[];
}

/** A synset with its excerpts in random order. */
interface Candidate {
  readonly synset: Synset;
  readonly hypernym: string;
  readonly excerpts: readonly Excerpt[];
}

/**
 * Chooses the same number of rows for every topic, from training and from held-out synsets, and puts each split in random order.
 *
 * The synsets of a topic are gone through in random order; each gives one random excerpt, and further ones only after all others have
 * given theirs. What is drawn from `random` does not depend on the options, so a dataset with more rows contains the smaller one.
 */
export function chooseRows(
  wordnet: WordNet,
  tokenizer: Tokenizer,
  random: RandomStream,
  options: Pick<WordnetDatasetOptions, 'rowsPerTopic' | 'heldOutPerTopic' | 'positionsPerSynset' | 'maxTokens'>,
): ChosenRows {
  const groups = groupByTopic(wordnet.synsets);
  const short: ChosenRows['short'][number][] = [];
  let overlong = 0;
  const choose = (split: 'train' | 'heldOut', wanted: number): ChosenRow[] =>
    topics.flatMap((topic) => {
      const candidates = candidatesOf(groups[split].get(topic) ?? [], wordnet, random);
      const rows: ChosenRow[] = [];
      for (let position = 0; position < options.positionsPerSynset; position += 1) {
        for (const { synset, hypernym, excerpts } of candidates) {
          if (rows.length >= wanted) break;
          const excerpt = excerpts[position];
          if (excerpt === undefined) continue;
          const tokens = tokenizer.encode(excerpt.text, { special: true });
          if (tokens.length > options.maxTokens) overlong += 1;
          else rows.push({ id: `${synset.id}@${excerpt.wordsRead}`, synset: synset.id, topic, hypernym, excerpt, tokens });
        }
      }
      if (rows.length < wanted) short.push({ topic, split, rows: rows.length, wanted });
      return rows;
    });
  const train = choose('train', options.rowsPerTopic);
  const heldOut = choose('heldOut', options.heldOutPerTopic);
  return { train: random.shuffle(train), heldOut: random.shuffle(heldOut), overlong, short };
}

/** The synsets of every topic, those for training apart from those held out. */
function groupByTopic(synsets: readonly Synset[]): Readonly<Record<'train' | 'heldOut', ReadonlyMap<Topic, readonly Synset[]>>> {
  const empty = () => new Map(topics.map((topic): [Topic, Synset[]] => [topic, []]));
  const groups = { train: empty(), heldOut: empty() };
  for (const synset of synsets) {
    const topic = topicOf(synset.lexicographerFile);
    if (topic !== undefined) groups[isHeldOut(synset.id) ? 'heldOut' : 'train'].get(topic)?.push(synset);
  }
  return groups;
}

/** The synsets that can be explained, in random order: those with a hypernym, and with a definition long enough for an excerpt. */
function candidatesOf(synsets: readonly Synset[], wordnet: WordNet, random: RandomStream): Candidate[] {
  const candidates: Candidate[] = [];
  for (const synset of synsets) {
    const hypernym = wordnet.byId.get(synset.hypernyms[0] ?? '')?.lemmas[0];
    const excerpts = random.shuffle(excerptsOf(synset));
    if (hypernym !== undefined && excerpts.length > 0) candidates.push({ synset, hypernym, excerpts });
  }
  return random.shuffle(candidates);
}

/** Divides rows into two parts without a synset in common, topic by topic, so that both are balanced. */
export function divideRows(rows: readonly ChosenRow[]): readonly [ChosenRow[], ChosenRow[]] {
  const sides = new Map<string, boolean>();
  const next = new Map<Topic, boolean>();
  const sideOf = ({ synset, topic }: ChosenRow): boolean => {
    const known = sides.get(synset);
    if (known !== undefined) return known;
    const side = next.get(topic) ?? true;
    next.set(topic, !side);
    sides.set(synset, side);
    return side;
  };
  const first = rows.filter(sideOf);
  return [first, rows.filter((row) => !sideOf(row))];
}
