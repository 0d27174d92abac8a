import { stringify } from 'yaml';
import type { ReportData, StepEvaluation } from './report-data.js';

/** Licence statement of a card. */
export interface CardLicense {
  /** Hub licence id, or `other`. */
  readonly id: string;
  readonly name?: string;
  readonly link?: string;
}

const tags = [
  'natural-language-autoencoder',
  'nla',
  'interpretability',
  'mechanistic-interpretability',
  'peft',
  'lora',
  'training-trajectory',
  'research-artifact',
];

/**
 * The front matter of a card, without the lines of dashes: licence, base model and its relation, library, tags, and the newest
 * evaluation as `model-index`. A base model that is no Hub id (an npm data package, a folder) is named in the text alone.
 */
export function frontMatter(data: ReportData, license?: CardLicense): string {
  const isHubId = /^[\w.-]+\/[\w.-]+$/.test(data.baseModel);
  const last = data.evaluations.at(-1);
  return stringify(
    {
      ...(license === undefined ? {} : { license: license.id }),
      ...(license?.name === undefined ? {} : { license_name: license.name }),
      ...(license?.link === undefined ? {} : { license_link: license.link }),
      language: 'en',
      ...(isHubId ? { base_model: data.baseModel, base_model_relation: 'adapter' } : {}),
      library_name: 'peft',
      pipeline_tag: 'text-generation',
      tags: isHubId ? [`base_model:adapter:${data.baseModel}`, ...tags, 'transformers'] : tags,
      ...(last === undefined ? {} : { 'model-index': [modelIndex(data, last)] }),
    },
    { lineWidth: 0 },
  ).trimEnd();
}

/** The entry that the Hub shows beside a model: cosines, and what they must be compared with, of one evaluation. */
function modelIndex(data: ReportData, { evaluator, step, rows, conditions, differences }: StepEvaluation): object {
  const metrics = conditions.map(({ condition, cosine }) => ({
    type: 'cosine_similarity',
    name: `${condition} mean cosine`,
    value: rounded(cosine.value),
  }));
  const shuffled = differences.find(({ against }) => against === 'SHUFFLED');
  const fve = conditions.find(({ condition }) => condition === 'AV_OUT')?.fve;
  return {
    name: `${data.name} step ${step}`,
    results: [
      {
        task: { type: 'text-generation', name: `explaining the output of block ${data.layer}, and reconstructing it from the text` },
        dataset: { type: `${evaluator}-held-out`, name: `${rows} held-out rows`, split: 'test' },
        metrics: [
          ...metrics,
          ...(shuffled === undefined
            ? []
            : [{ type: 'cosine_difference', name: 'AV_OUT minus SHUFFLED', value: rounded(shuffled.difference.value) }]),
          ...(fve === undefined ? [] : [{ type: 'fve_nrm', name: 'AV_OUT fraction of variance explained', value: rounded(fve) }]),
        ],
      },
    ],
  };
}

/** Four decimals: more would be noise on a card. */
function rounded(value: number): number {
  return Number(value.toFixed(4));
}
