/** Swaps of named fields: condition name to the fields taken from another row. */
export type Swaps = Readonly<Record<string, readonly string[]>>;

/** `SWAP_TOPIC`: named fields of AV_OUT from another row. `GOLD_SWAP_TOPIC`: the same of GOLD. Which there are is a matter of options. */
export type SwapName = `SWAP_${string}`;

/** What the reconstructor is given instead of, or beside, the verbalizer's text; in the order of tables, the swaps left out. */
export const CONDITIONS = [
  'AV_OUT',
  'GOLD',
  'SHUFFLED',
  'SHUFFLED_SAME_TOKEN',
  'EMPTY',
  'RANDOM',
  'GIBBER',
  'TEMPLATE',
  'MEAN',
  'ZERO_INJECTION',
  'RANDOM_DIRECTION',
  'GOLD_SHUFFLED',
] as const;

/** A condition of the H5 test. */
export type ConditionName = (typeof CONDITIONS)[number] | SwapName | `GOLD_${SwapName}`;

/** Effects that are tested together: their p values are corrected for each other. The first is the one that decides. */
export const EFFECT_FAMILY = ['SHUFFLED', 'SHUFFLED_SAME_TOKEN', 'EMPTY'] as const;

const meanings: Readonly<Record<(typeof CONDITIONS)[number], string>> = {
  AV_OUT: 'the AV’s explanation of the row’s own vector',
  GOLD: 'the row’s label',
  SHUFFLED: 'the AV’s explanation of a vector from another document',
  SHUFFLED_SAME_TOKEN: 'the AV’s explanation of a vector from another document, read at the same token',
  EMPTY: 'the empty explanation',
  RANDOM: 'an unrelated sentence',
  GIBBER: 'nonsense syllables',
  TEMPLATE: 'the AV’s explanation of the mean training vector',
  MEAN: 'no AR: the mean direction of the training vectors',
  ZERO_INJECTION: 'the AV’s explanation of the zero vector',
  RANDOM_DIRECTION: 'the AV’s explanation of a random direction',
  GOLD_SHUFFLED: 'the label of a row from another document',
};

/** All conditions there can be with these swaps, in the order of tables. */
export function conditionNames(swaps: Swaps): ConditionName[] {
  const names = Object.keys(swaps).filter((name): name is SwapName => name.startsWith('SWAP_'));
  return [
    ...CONDITIONS.filter((name) => name !== 'GOLD_SHUFFLED'),
    ...names,
    'GOLD_SHUFFLED',
    ...names.map((name): ConditionName => `GOLD_${name}`),
  ];
}

/** What a condition is, for reports. */
export function conditionMeaning(condition: ConditionName, swaps: Swaps): string {
  if (condition in meanings) return meanings[condition as keyof typeof meanings];
  const ofGold = condition.startsWith('GOLD_');
  const fields = listed(swaps[ofGold ? condition.slice('GOLD_'.length) : condition] ?? []);
  return ofGold ? `GOLD with ${fields} from another row’s label` : `AV_OUT with ${fields} from another row’s explanation, the rest kept`;
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`;
}
