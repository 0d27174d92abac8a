/** Names of WordNet's lexicographer files by their number in a data line (lexnames(5WN)). */
export const lexicographerFiles: readonly string[] = [
  'adj.all',
  'adj.pert',
  'adv.all',
  'noun.Tops',
  'noun.act',
  'noun.animal',
  'noun.artifact',
  'noun.attribute',
  'noun.body',
  'noun.cognition',
  'noun.communication',
  'noun.event',
  'noun.feeling',
  'noun.food',
  'noun.group',
  'noun.location',
  'noun.motive',
  'noun.object',
  'noun.person',
  'noun.phenomenon',
  'noun.plant',
  'noun.possession',
  'noun.process',
  'noun.quantity',
  'noun.relation',
  'noun.shape',
  'noun.state',
  'noun.substance',
  'noun.time',
  'verb.body',
  'verb.change',
  'verb.cognition',
  'verb.communication',
  'verb.competition',
  'verb.consumption',
  'verb.contact',
  'verb.creation',
  'verb.emotion',
  'verb.motion',
  'verb.perception',
  'verb.possession',
  'verb.social',
  'verb.stative',
  'verb.weather',
  'adj.ppl',
];

/** The topics of the embedded task: noun files that name a kind of thing, in alphabetical order. */
export const topics = [
  'animal',
  'artifact',
  'body',
  'communication',
  'feeling',
  'food',
  'location',
  'person',
  'plant',
  'possession',
  'substance',
  'time',
] as const;

/** One of {@link topics}. */
export type Topic = (typeof topics)[number];

/** The topic of a lexicographer file (`noun.animal` gives `animal`), or undefined if the task does not use it. */
export function topicOf(lexicographerFile: string): Topic | undefined {
  return topics.find((topic) => lexicographerFile === `noun.${topic}`);
}
