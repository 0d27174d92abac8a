/** Endings of plurals and what they stand for, of morphy(7WN), most specific first. */
const endings: readonly (readonly [string, string])[] = [
  ['ches', 'ch'],
  ['shes', 'sh'],
  ['ies', 'y'],
  ['men', 'man'],
  ['ses', 's'],
  ['xes', 'x'],
  ['zes', 'z'],
  ['ves', 'f'],
  ['ves', 'fe'],
  ['s', ''],
];

/** Plurals that no ending gives. WordNet's own list of them is not part of the package it comes in. */
const irregular: Readonly<Record<string, string>> = {
  children: 'child',
  feet: 'foot',
  geese: 'goose',
  lice: 'louse',
  mice: 'mouse',
  oxen: 'ox',
  teeth: 'tooth',
  dice: 'die',
  pence: 'penny',
  alumni: 'alumnus',
  analyses: 'analysis',
  axes: 'axis',
  bacteria: 'bacterium',
  bases: 'basis',
  cacti: 'cactus',
  crises: 'crisis',
  criteria: 'criterion',
  diagnoses: 'diagnosis',
  formulae: 'formula',
  fungi: 'fungus',
  hypotheses: 'hypothesis',
  indices: 'index',
  larvae: 'larva',
  matrices: 'matrix',
  nuclei: 'nucleus',
  oases: 'oasis',
  phenomena: 'phenomenon',
  stimuli: 'stimulus',
  strata: 'stratum',
  syntheses: 'synthesis',
  theses: 'thesis',
  vertices: 'vertex',
};

/**
 * The forms that a noun or a phrase may be entered under, likeliest first: as it stands, then without the ending of a plural at its last
 * word. Lower case. `ice creams` gives `ice creams` and `ice cream`.
 */
export function nounLemmas(written: string): string[] {
  const words = written.toLowerCase();
  const start = words.lastIndexOf(' ') + 1;
  const last = words.slice(start);
  const lead = words.slice(0, start);
  const singular = Object.hasOwn(irregular, last) ? irregular[last] : undefined;
  if (singular !== undefined) return [lead + singular, words];
  // Whatever ends in -ss is no plural.
  const cut = last.endsWith('ss') ? [] : endings.filter(([ending]) => last.endsWith(ending) && last.length > ending.length + 1);
  return [words, ...cut.map(([ending, instead]) => lead + last.slice(0, last.length - ending.length) + instead)];
}
