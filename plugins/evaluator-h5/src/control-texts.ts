/** Sentences that have nothing to do with any row: the RANDOM condition. */
export const UNRELATED_SENTENCES: readonly string[] = [
  'The ferry to the islands leaves twice a day in winter.',
  'Her grandfather repaired clocks in a small shop by the river.',
  'Bake the bread until the crust sounds hollow when tapped.',
  'The committee postponed its vote on the new bridge until spring.',
  'Glaciers carve valleys into the shape of the letter U.',
  'He tuned the old violin before anyone else had arrived.',
  'Prices of copper fell for the third week in a row.',
  'A parliament of owls lived in the ruins of the abbey.',
  'The treaty was signed in a railway carriage at dawn.',
  'Most of the volunteers had never planted a tree before.',
  'The museum keeps its largest meteorite in the courtyard.',
  'Light from that star needs four years to reach the earth.',
  'The second goal came from a free kick near the corner.',
  'Salt was once worth as much as silver along this road.',
  'Engineers replaced the turbine during the summer break.',
  'The poem was found between the pages of a cookery book.',
];

/** `count` strings of seeded nonsense syllables: the GIBBER condition. */
export function gibberish(count: number, random: { integer(bound: number): number }): string[] {
  return Array.from({ length: count }, () => {
    const words = Array.from({ length: 8 + random.integer(8) }, () =>
      Array.from(
        { length: 1 + random.integer(3) },
        () => (consonants[random.integer(consonants.length)] ?? '') + (vowels[random.integer(vowels.length)] ?? ''),
      ).join(''),
    );
    return `${words.join(' ')}.`;
  });
}

const consonants = ['b', 'd', 'f', 'g', 'k', 'l', 'm', 'n', 'p', 'r', 's', 't', 'v', 'z', 'qu', 'x'];
const vowels = ['a', 'e', 'i', 'o', 'u', 'oo', 'y'];
