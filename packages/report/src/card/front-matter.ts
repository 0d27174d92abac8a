import { stringify } from 'yaml';
import { lastEvaluation, type ReportData, type StepEvaluation } from '../report-data.js';
import type { CardSources } from '../traced/card-sources.js';
import { sourceText } from '../traced/card-sources.js';
import type { Cell } from '../traced/cell.js';
import { pointerTo } from '../traced/json-pointer.js';

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

/** Families of base models that people look for by tag. */
const families = ['gemma', 'llama', 'qwen', 'mistral', 'phi'];

/** A front matter as text, without the lines of dashes, with the sources of its numbers. */
export interface FrontMatter {
  readonly text: string;
  readonly sources: CardSources['frontMatter'];
}

/**
 * The front matter of a card: licence, base model and its relation, library, tags, and the newest evaluation of a step that is not
 * retracted as `model-index`. A base model that is no Hub id (an npm data package, a folder) is named in the text alone.
 */
export function frontMatter(data: ReportData): FrontMatter {
  const { facts } = data;
  const { baseModel, license } = facts;
  const isHubId = isHubName(baseModel);
  const last = lastEvaluation(data);
  const index = last === undefined ? undefined : modelIndex(data, last);
  const family = families.filter((name) => baseModel.toLowerCase().includes(name));
  const shown = [...tags, ...family];
  const text = stringify(
    {
      ...(license === null ? {} : { license: license.id }),
      ...(license?.name === undefined ? {} : { license_name: license.name }),
      ...(license?.link === undefined ? {} : { license_link: license.link }),
      language: 'en',
      ...(isHubId ? { base_model: baseModel, base_model_relation: 'adapter' } : {}),
      library_name: 'peft',
      pipeline_tag: 'text-generation',
      tags: isHubId ? [`base_model:adapter:${baseModel}`, ...shown, 'transformers'] : shown,
      ...(index === undefined ? {} : { 'model-index': [index.value] }),
    },
    { lineWidth: 0 },
  ).trimEnd();
  return { text, sources: index?.sources ?? [] };
}

/** Whether a name is one that the Hub can know: `owner/name`. */
export function isHubName(name: string): boolean {
  return /^[\w.-]+\/[\w.-]+$/.test(name);
}

/** The entry that the Hub shows beside a model: cosines, and what they must be compared with, of one evaluation. */
function modelIndex(
  { cell, facts }: ReportData,
  evaluation: StepEvaluation,
): { readonly value: object; readonly sources: FrontMatter['sources'] } {
  const { evaluator, step, file, conditions } = evaluation;
  const metrics: { readonly type: string; readonly name: string; readonly cell: Cell }[] = conditions.map(({ condition }) => ({
    type: 'cosine_similarity',
    name: `${condition} mean cosine`,
    cell: cell('metric', file, pointerTo('summary', 'conditions', condition, 'cosine', 'value')),
  }));
  metrics.push(
    { type: 'cosine_similarity', name: 'cosine of the best constant (rho)', cell: cell('metric', file, '/summary/baselines/rho') },
    { type: 'cosine_difference', name: 'AV_OUT minus SHUFFLED', cell: cell('metric', file, '/summary/differences/SHUFFLED/value') },
    { type: 'fve_nrm', name: 'AV_OUT fraction of variance explained', cell: cell('metric', file, '/summary/conditions/AV_OUT/fveNrm') },
  );
  const measured = metrics.filter((metric) => metric.cell.text !== '');
  return {
    value: {
      name: `${facts.name} step ${step}`,
      results: [
        {
          task: { type: 'text-generation', name: `explaining the output of block ${facts.layer}, and reconstructing it from the text` },
          dataset: { type: `${evaluator}-held-out`, name: `${evaluation.rows} held-out rows`, split: 'test' },
          metrics: measured.map((metric) => ({ type: metric.type, name: metric.name, value: Number(metric.cell.text) })),
        },
      ],
    },
    sources: measured.map((metric, index) => ({
      pointer: pointerTo('model-index', 0, 'results', 0, 'metrics', index, 'value'),
      format: metric.cell.format,
      from: metric.cell.sources.map(sourceText),
    })),
  };
}
