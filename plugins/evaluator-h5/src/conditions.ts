/** What the reconstructor is given instead of, or beside, the verbalizer's text. In the order of tables. */
export const CONDITIONS = [
  'AV_OUT',
  'GOLD',
  'SHUFFLED',
  'EMPTY',
  'RANDOM',
  'GIBBER',
  'TEMPLATE',
  'MEAN',
  'ZERO_INJECTION',
  'RANDOM_DIRECTION',
  'SWAP_TOPIC',
  'SWAP_LAST',
  'GOLD_SWAP_TOPIC',
  'GOLD_SWAP_LAST',
] as const;

/** A condition of the H5 test. */
export type ConditionName = (typeof CONDITIONS)[number];

/** What each condition is, for reports. */
export const CONDITION_MEANINGS: Readonly<Record<ConditionName, string>> = {
  AV_OUT: 'the AV’s explanation of the row’s own vector',
  GOLD: 'the row’s label',
  SHUFFLED: 'the AV’s explanation of a vector from another document',
  EMPTY: 'the empty explanation',
  RANDOM: 'an unrelated sentence',
  GIBBER: 'nonsense syllables',
  TEMPLATE: 'the AV’s explanation of the mean training vector',
  MEAN: 'no AR: the mean direction of the training vectors',
  ZERO_INJECTION: 'the AV’s explanation of the zero vector',
  RANDOM_DIRECTION: 'the AV’s explanation of a random direction',
  SWAP_TOPIC: 'AV_OUT with topic and hypernym from another row’s explanation, last and next word kept',
  SWAP_LAST: 'AV_OUT with the last word from another row’s explanation, the rest kept',
  GOLD_SWAP_TOPIC: 'GOLD with topic and hypernym from another row’s label',
  GOLD_SWAP_LAST: 'GOLD with the last word from another row’s label',
};
