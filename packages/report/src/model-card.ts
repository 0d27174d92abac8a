import { escapeMarkdownCell, formatEstimate, formatNumber } from './format.js';
import { frontMatter, type CardLicense } from './front-matter.js';
import type { ReportData } from './report-data.js';
import { lastEvaluation, summarySentences, trendSentences } from './summary-lines.js';

/**
 * The Hub's README.md for a trajectory: front matter, what was measured, how to load a step. Tables come from stored evaluations
 * alone; what was not measured has no row.
 */
export function modelCard(
  data: ReportData,
  figures: readonly { readonly name: string; readonly title: string }[] = [],
  license?: CardLicense,
): string {
  const last = lastEvaluation(data);
  const steps = [...new Set(data.health.filter((point) => point.role === 'av').map((point) => point.step))];
  const lines = [
    '---',
    frontMatter(data, license),
    '---',
    '',
    `# ${data.name}`,
    '',
    `A natural language autoencoder trajectory on ${data.baseModel}: the verbalizer (AV) turns the output of block ${data.layer} at one token into text, the reconstructor (AR) turns the text back into the vector. Every folder \`trajectory/step_*\` is one checkpoint of the AV, with its \`nla_meta.yaml\`.`,
    '',
    ...summarySentences(data).flatMap((sentence) => [sentence, '']),
    ...figures.flatMap(({ name, title }) => [`![${title}](figures/${name}.png)`, '']),
  ];
  const sameToken = data.evaluations.some(({ differences }) => differences.some(({ against }) => against === 'SHUFFLED_SAME_TOKEN'));
  if (data.evaluations.length > 0) {
    lines.push(
      '## H5 ablation per checkpoint',
      '',
      `| step | rows | AV_OUT | GOLD | SHUFFLED | EMPTY | MEAN | AV_OUT fve_nrm | AV_OUT − SHUFFLED [95 %] |${sameToken ? ' AV_OUT − SHUFFLED_SAME_TOKEN [95 %] |' : ''}`,
      `|---:|---:|---:|---:|---:|---:|---:|---:|---:|${sameToken ? '---:|' : ''}`,
    );
    for (const evaluation of data.evaluations) {
      const condition = (name: string) => evaluation.conditions.find((point) => point.condition === name);
      const cosine = (name: string) => {
        const point = condition(name);
        return point === undefined ? '' : formatNumber(point.cosine.value);
      };
      const fve = condition('AV_OUT')?.fve;
      const difference = (against: string) => {
        const point = evaluation.differences.find((item) => item.against === against);
        return point === undefined ? '' : formatEstimate(point.difference, true);
      };
      lines.push(
        `| ${evaluation.step} | ${evaluation.rows} | ${cosine('AV_OUT')} | ${cosine('GOLD')} | ${cosine('SHUFFLED')} | ${cosine('EMPTY')} | ${cosine('MEAN')} | ${fve === undefined ? '' : formatNumber(fve)} | ${difference('SHUFFLED')} |${sameToken ? ` ${difference('SHUFFLED_SAME_TOKEN')} |` : ''}`,
      );
    }
    lines.push(
      '',
      'Mean cosines with the true activation on held-out, document-disjoint rows. MEAN is the constant that any cosine must be compared with. The rows behind every figure are in `eval/`.',
      '',
      ...trendSentences(data).flatMap((sentence) => [sentence, '']),
    );
  }
  if (last !== undefined && last.examples.length > 0) {
    lines.push('## Examples', '', '| text | gold | AV | cosine |', '|---|---|---|---:|');
    for (const row of last.examples) {
      lines.push(
        `| ${escapeMarkdownCell(row.text)} | ${escapeMarkdownCell(row.gold)} | ${escapeMarkdownCell(row.verbalized)} | ${formatNumber(row.cosine)} |`,
      );
    }
    lines.push('');
  }
  lines.push('## Set-up', '', ...data.facts.map(([label, value]) => `- ${label}: ${value}`), '');
  if (steps.length > 0) {
    lines.push(
      '## Loading a step',
      '',
      '```python',
      'from peft import PeftModel',
      `model = PeftModel.from_pretrained(base, "<this repository>", subfolder="trajectory/step_${String(steps.at(-1)).padStart(6, '0')}")`,
      '```',
      '',
      'The vector must be rescaled to the `injection_scale` of that step\'s `nla_meta.yaml` and replace the embedding output at the marker token. With nlakit: `nla explain <step folder> --text "..."`.',
      '',
    );
  }
  lines.push(
    '## Limits',
    '',
    '- Explanations may be wrong or made up, fluent or not. Verify independently.',
    '- Part of any round-trip cosine is structural; read it beside MEAN and SHUFFLED.',
    '- Not a general language model.',
    '',
  );
  return lines.join('\n');
}
