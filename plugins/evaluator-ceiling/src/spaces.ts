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

/** One vector `[dModel]` of length 1 for every row. Directions alone are compared, since reconstructions have no length of meaning. */
export type Space = readonly Float32Array[];
