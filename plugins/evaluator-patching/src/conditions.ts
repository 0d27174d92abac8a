/** What is put in place of the activation. In the order of tables. */
export const CONDITIONS = ['ORIGINAL', 'AV_OUT', 'GOLD', 'SHUFFLED', 'MEAN', 'RANDOM', 'ZERO'] as const;

/** A condition of the patching test. */
export type ConditionName = (typeof CONDITIONS)[number];

/** What each condition is, for reports. All but ZERO have the length of the activation. */
export const CONDITION_MEANINGS: Readonly<Record<ConditionName, string>> = {
  ORIGINAL: 'the row’s own vector, as the data hold it: what storing it costs',
  AV_OUT: 'the reconstruction from the AV’s explanation',
  GOLD: 'the reconstruction from the label',
  SHUFFLED: 'the reconstruction from the AV’s explanation of a vector from another document',
  MEAN: 'the mean direction of the training vectors',
  RANDOM: 'a random direction',
  ZERO: 'the zero vector',
};
