import type { RunFacts } from '../run-facts.js';

/** The work that the method comes from, with its authors in their order. */
export const upstreamCitation: readonly string[] = [
  '@article{frasertaliente2026nla,',
  '  title   = {Natural Language Autoencoders Produce Unsupervised Explanations of {LLM} Activations},',
  '  author  = {Fraser-Taliente, Kit and Kantamneni, Subhash and Ong, Euan and others},',
  '  journal = {Transformer Circuits Thread},',
  '  year    = {2026}',
  '}',
];

/** The toolkit, and the trajectory itself by the hash of its run. */
export function ownCitation({
  name,
  runHash,
  createdAt,
  nlakit,
}: Pick<RunFacts, 'name' | 'runHash' | 'createdAt' | 'nlakit'>): readonly string[] {
  const year = createdAt.slice(0, 4);
  return [
    '@software{nlakit,',
    '  title   = {nlakit: a toolkit for natural language autoencoders},',
    '  author  = {{The nlakit authors}},',
    `  version = {${nlakit}},`,
    `  year    = {${year}}`,
    '}',
    '',
    `@misc{${name.replace(/[^A-Za-z0-9-]/g, '-')},`,
    `  title   = {${name.replace(/[{}\\]/g, '')}: a natural language autoencoder trajectory},`,
    `  note    = {nlakit run ${runHash}},`,
    `  year    = {${year}}`,
    '}',
  ];
}
