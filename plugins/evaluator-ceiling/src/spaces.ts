/** Vectors that are decoded. */
export const SPACES = ['RAW', 'AV_OUT', 'GOLD', 'SHUFFLED'] as const;

/** Vectors that are decoded: the activations themselves, or what the AR makes of a text. */
export type SpaceName = (typeof SPACES)[number];

/** What each space is, for reports. */
export const SPACE_MEANINGS: Readonly<Record<SpaceName, string>> = {
  RAW: 'the activations: the ceiling',
  AV_OUT: 'reconstructions from the AV’s explanations',
  GOLD: 'reconstructions from the labels',
  SHUFFLED: 'reconstructions from the AV’s explanations of other documents',
};
