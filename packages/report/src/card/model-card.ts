import { stepName } from '@nlakit/run';
import { lastEvaluation, newestStep, type ReportData } from '../report-data.js';
import { summarySentences, trendSentences } from '../summary-sentences.js';
import { checkTable } from '../tables/check-table.js';
import { exampleTable } from '../tables/example-table.js';
import { headlineTable } from '../tables/headline-table.js';
import { lossTable } from '../tables/loss-table.js';
import { REPORT_DATA_FILE } from '../run-facts.js';
import { CARD_SOURCES_FILE, type CardSources } from '../traced/card-sources.js';
import { createCardWriter } from './card-writer.js';
import { ownCitation, upstreamCitation } from './citations.js';
import { folderTree } from './folder-tree.js';
import { frontMatter, isHubName } from './front-matter.js';
import { notWithdrawn, retractedGroups } from './retraction-banner.js';
import { decodingSentences, setUp } from './set-up.js';

/** A card with the sources of its numbers. */
export interface ModelCard {
  readonly text: string;
  readonly sources: CardSources;
}

/**
 * The Hub's README.md for a trajectory, whole: front matter, correction banner, what was measured, warnings, set-up, folders that exist,
 * how to load, losses, evaluations, examples, licences, citation, how to make it again. Every number is taken from a file, and what was not
 * measured has no row.
 */
export function modelCard(data: ReportData, figures: readonly { readonly name: string; readonly title: string }[]): ModelCard {
  const { facts, evaluations, others, steps, cell } = data;
  const card = createCardWriter();
  const last = lastEvaluation(data);
  const newest = newestStep(data);
  card.heading(1, facts.name);
  correction(data, card);
  card.paragraph(
    `A natural language autoencoder trajectory on ${facts.baseModel}: the verbalizer (AV) turns the output of block ${facts.layer} at one token into text, the reconstructor (AR) turns the text back into the vector. Every folder \`trajectory/step_*\` is one checkpoint of the AV with its \`nla_meta.yaml\`, so that it can be studied how explanations come about.`,
  );
  if (newest !== undefined) {
    const pair =
      data.reconstructor === undefined
        ? ''
        : `, with the AR in [\`reconstructor/${stepName(data.reconstructor.step)}\`](reconstructor/${stepName(data.reconstructor.step)}/)`;
    card.paragraph(`**Use this one:** [\`trajectory/${stepName(newest.step)}\`](trajectory/${stepName(newest.step)}/)${pair}.`);
  }
  if (!facts.complete) {
    card.paragraph(
      '**This trajectory may still grow**: not every configured step was trained when this card was written. It is written anew with each checkpoint that follows.',
    );
  }
  for (const sentence of summarySentences(data)) card.traced(sentence);
  for (const { name, title } of figures) card.paragraph(`![${title}](figures/${name}.png)`);

  card.heading(2, 'Warnings');
  card.bullets([
    'Explanations may be wrong or made up, however fluent they are. Verify what they say independently.',
    'A large part of any round-trip cosine is structural. Read it beside MEAN, ρ and SHUFFLED, never alone.',
    'This is no general language model, and no judge of what the base model thinks.',
    "The vector has to be rescaled to the `injection_scale` of the step's own `nla_meta.yaml`; another scale gives other explanations without an error.",
    ...facts.warnings.map((warning) => `In this run: ${warning.replace(/\s+/g, ' ')}`),
  ]);

  card.heading(2, 'Set-up');
  card.bullets(setUp(data));

  card.heading(2, 'Layout');
  card.code('text', folderTree(data));

  if (newest !== undefined) loading(data, card, newest.step);

  if (steps.length > 0) {
    card.heading(2, 'Loss');
    card.table(lossTable(data));
    card.paragraph(
      `Cross-entropy in nats per token of the explanation. The loss of every step is in [\`${REPORT_DATA_FILE}\`](${REPORT_DATA_FILE}).`,
    );
  }
  if (evaluations.length > 0) {
    card.heading(2, 'H5 ablation per checkpoint');
    card.table(headlineTable(cell, evaluations));
    card.paragraph(
      'Mean cosines with the true activation on held-out, document-disjoint rows; intervals are 95 % bootstrap intervals over documents. MEAN is the best constant on these rows, ρ the same on the training vectors: what any cosine must be compared with. The rows behind every figure are in [`eval/`](eval/).',
    );
    const shown = last ?? evaluations.at(-1);
    if (shown !== undefined) for (const sentence of decodingSentences(data, shown.file, data.documents(shown.file))) card.traced(sentence);
    for (const sentence of trendSentences(data)) card.traced(sentence);
    const checks = checkTable(data);
    if (checks !== undefined) {
      card.heading(2, 'Checks');
      card.table(checks);
    }
  }
  for (const id of [...new Set(others.map(({ evaluator }) => evaluator))]) {
    card.heading(2, `Evaluation: ${id}`);
    card.table(
      headlineTable(
        cell,
        others.filter(({ evaluator }) => evaluator === id),
      ),
    );
  }
  if (last !== undefined && last.examples.length > 0) {
    card.heading(2, 'Examples');
    card.paragraph(
      `Held-out rows at step ${last.step}, chosen by rule: the best, those around the median, and the worst by the cosine of AV_OUT.`,
    );
    card.table(exampleTable(data, last));
  }

  card.heading(2, 'Licences');
  card.bullets([
    ...(facts.license === null
      ? [`Base model ${facts.baseModel}: its licence is not recorded here; what is made from a model is under its terms.`]
      : [`Base model ${baseLink(facts.baseModel)}: ${licenseText(facts.license)}. These adapters are made from it and under its terms.`]),
    ...facts.dataLicenses.map(({ data: name, license }) => `Data, ${name}: ${license}`),
  ]);

  card.heading(2, 'Made again');
  card.paragraph(
    `\`nla lint\` on a copy of this repository looks every number of this card up in the files that [\`${CARD_SOURCES_FILE}\`](${CARD_SOURCES_FILE}) names, and \`nla report\` writes card and figures again from them. The summaries in \`eval/\` can be computed from their rows. The configuration of the run is in [\`${REPORT_DATA_FILE}\`](${REPORT_DATA_FILE}): \`nla run\` with it trains and measures all of it again.`,
  );

  card.heading(2, 'Citation');
  card.code('bibtex', [...upstreamCitation, '', ...ownCitation(facts)]);

  const front = frontMatter(data);
  const { body, sources } = card.finish();
  return { text: ['---', front.text, '---', '', body].join('\n'), sources: { ...sources, frontMatter: front.sources } };
}

type Card = ReturnType<typeof createCardWriter>;

function correction(data: ReportData, card: Card): void {
  const groups = retractedGroups(data);
  if (groups.length === 0) return;
  for (const { folders, why } of groups) {
    card.traced(why, `> **Correction.** Do not rely on ${folders.map((folder) => `[\`${folder}\`](${folder}/)`).join(', ')}: `);
  }
  card.paragraph(`> ${notWithdrawn}`);
}

function loading({ facts }: ReportData, card: Card, step: number): void {
  const base = isHubName(facts.baseModel) ? facts.baseModel : '<the base model>';
  card.heading(2, 'Loading a step');
  card.code('python', [
    'from peft import PeftModel',
    'from transformers import AutoModelForCausalLM',
    '',
    `base = AutoModelForCausalLM.from_pretrained("${base}")`,
    `model = PeftModel.from_pretrained(base, "<this repository>", subfolder="trajectory/${stepName(step)}")`,
  ]);
  card.paragraph(
    'PEFT loads the weights only. The prompt, the marker and the scale of the vector are in the `nla_meta.yaml` of the step, which also says whether it is retracted. nlakit reads them:',
  );
  card.code('sh', [`nla explain <copy of this repository>/trajectory/${stepName(step)} --text "The capital of France is"`]);
}

function baseLink(name: string): string {
  return isHubName(name) ? `[${name}](https://huggingface.co/${name})` : name;
}

function licenseText({ id, name, link }: NonNullable<ReportData['facts']['license']>): string {
  const shown = name === undefined ? id : `${name} (${id})`;
  return link?.startsWith('https://') === true ? `[${shown}](${link})` : shown;
}
