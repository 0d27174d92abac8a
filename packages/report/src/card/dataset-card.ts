import type { DatasetSidecar } from '@nlakit/sidecar';
import { stringify } from 'yaml';

/** One data file of a published dataset. */
export interface DatasetCardFile {
  /** Path in the repository. */
  readonly path: string;
  /** Name of the split: `av_sft`, `ar_sft`, `held_out`. */
  readonly split: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly sidecar: DatasetSidecar;
}

/** What a dataset card is made from. */
export interface DatasetCardInput {
  readonly name: string;
  /** `owner/name`, as readers will load it. */
  readonly repository: string;
  readonly files: readonly DatasetCardFile[];
  /** Hub id of the licence of the data. */
  readonly license?: string;
}

/**
 * The Hub's README.md for a dataset of activations and explanations: front matter with one configuration whose splits are the files, what
 * the vectors are, how to read them. Every number comes from the sidecars and the files themselves.
 */
export function datasetCard({ name, repository, files, license }: DatasetCardInput): string {
  const [first] = files;
  if (first === undefined) throw new TypeError('A dataset card needs at least one file.');
  const { baseModel, layer, dModel, tokens, corpus } = first.sidecar;
  const rows = files.reduce((sum, { sidecar }) => sum + sidecar.rowCount, 0);
  const frontMatter = stringify(
    {
      ...(license === undefined ? {} : { license }),
      language: 'en',
      pretty_name: name,
      size_categories: [sizeCategory(rows)],
      tags: ['natural-language-autoencoder', 'nla', 'interpretability', 'activations', 'research-artifact'],
      configs: [{ config_name: 'default', data_files: files.map(({ split, path }) => ({ split, path })) }],
    },
    { lineWidth: 0 },
  ).trimEnd();
  return [
    '---',
    frontMatter,
    '---',
    '',
    `# ${name}`,
    '',
    `Activations of ${baseModel}, read behind block ${layer}, with the words that explain them: training data for a natural language autoencoder. Vectors are raw (\`norm: ${first.sidecar.norm}\`), ${dModel} numbers of 32 bits each.`,
    '',
    '| file | split | rows | bytes | sha256 |',
    '|---|---|---:|---:|---|',
    ...files.map(
      ({ path, split, bytes, sha256, sidecar }) => `| \`${path}\` | ${split} | ${sidecar.rowCount} | ${bytes} | \`${sha256}\` |`,
    ),
    '',
    'Each file has its `.nla_meta.yaml` beside it: base model, layer, marker, templates, and what the rows were made from.',
    '',
    '## Reading it',
    '',
    '```python',
    'from datasets import load_dataset',
    `data = load_dataset("${repository}")`,
    '```',
    '',
    `With nlakit: \`nla pull ${repository} --type dataset\`, then name the files in the options of \`@nlakit/dataset-parquet\`.`,
    '',
    '## Facts',
    '',
    ...factsOf(first.sidecar).map(([label, value]) => `- ${label}: ${value}`),
    ...(corpus === null ? [] : [`- corpus: ${corpus}`]),
    ...(tokens === null ? [] : [`- marker: \`${tokens.injectionChar ?? ''}\` (token ${tokens.injectionTokenId})`]),
    '',
    '## Limits',
    '',
    '- Explanations are labels: what somebody, a rule or a model, wrote of the text. They are not what the activation holds.',
    '- `held_out` shares no document with the other splits. Do not train on it.',
    `- Texts keep the licence of their corpus${license === undefined ? ', which is not stated here: find out before you use them' : ''}.`,
    '',
  ].join('\n');
}

function factsOf(sidecar: DatasetSidecar): [string, string][] {
  const norms = sidecar.activationNorms ?? {};
  const median = norms['median'];
  return [
    ['dataset', `\`${sidecar.datasetId}\``],
    ...(typeof median === 'number' ? ([['median norm of the vectors', median.toPrecision(4)]] as [string, string][]) : []),
    ...(sidecar.positionsPerDoc === null ? [] : ([['positions of a document', `${sidecar.positionsPerDoc}`]] as [string, string][])),
    ...(sidecar.parentDatasets.length === 0
      ? []
      : ([['made from', sidecar.parentDatasets.map((id) => `\`${id}\``).join(', ')]] as [string, string][])),
  ];
}

/** The Hub's names of sizes. */
function sizeCategory(rows: number): string {
  const bounds: readonly (readonly [number, string])[] = [
    [1e3, 'n<1K'],
    [1e4, '1K<n<10K'],
    [1e5, '10K<n<100K'],
    [1e6, '100K<n<1M'],
    [1e7, '1M<n<10M'],
  ];
  return bounds.find(([bound]) => rows < bound)?.[1] ?? 'n>10M';
}
