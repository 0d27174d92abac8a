import type { Figures } from '@nlakit/core';
import { stringify } from 'yaml';
import { escapeHtml, formatEstimate, formatFigure, formatNumber, formatSigned } from './format.js';
import type { DifferencePoint, ReportData, StepEvaluation } from './report-data.js';
import { lastEvaluation, summarySentences, trendSentences } from './summary-lines.js';

const STYLE = `
:root { --ink: #1c2024; --muted: #60646c; --line: #e2e4e8; --soft: #f6f7f9; --accent: #0072b2; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #fff; font: 15px/1.55 system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 40px 28px 80px; }
h1 { font-size: 28px; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 19px; margin: 44px 0 10px; padding-bottom: 6px; border-bottom: 1px solid var(--line); }
p { margin: 8px 0; max-width: 78ch; }
.muted { color: var(--muted); }
.lead { font-size: 16px; }
figure, .scroll { margin: 16px 0; overflow-x: auto; }
.scroll table { margin: 0; }
.fit { width: auto; min-width: 40%; }
.fit td { padding-top: 4px; padding-bottom: 4px; }
figure svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; width: 100%; margin: 12px 0; font-size: 14px; }
th { text-align: left; font-weight: 600; color: var(--muted); border-bottom: 1px solid var(--line); padding: 6px 10px 6px 0; vertical-align: bottom; }
td { border-bottom: 1px solid var(--line); padding: 7px 10px 7px 0; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
mark { background: #fff1c2; border-radius: 3px; padding: 0 2px; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; font-size: 14px; }
.facts dt { color: var(--muted); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.good { color: #00734f; } .bad { color: #b3400e; }
summary { cursor: pointer; color: var(--muted); }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: 14px; overflow-x: auto; font-size: 12.5px; }
.explanation { font-family: ui-monospace, SFMono-Regular, Menlo, 'DejaVu Sans Mono', monospace; font-size: 12.5px; }
ul { margin: 8px 0; padding-left: 20px; }
`;

/** Figures of a page as SVG text, in display order. */
export interface PageFigure {
  readonly title: string;
  readonly svg: string;
}

/** The report as one HTML file that opens from disk: styles and figures are inside, nothing is fetched. */
export function htmlPage(data: ReportData, figures: readonly PageFigure[]): string {
  const last = lastEvaluation(data);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(data.name)}: NLA report</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(data.name)}</h1>
<p class="muted">A natural language autoencoder on ${escapeHtml(data.baseModel)}, activations of block ${data.layer}</p>
${summarySentences(data)
  .map((sentence) => `<p class="lead">${escapeHtml(sentence)}</p>`)
  .join('\n')}
${figures.map((figure) => `<figure aria-label="${escapeHtml(figure.title)}">${figure.svg}</figure>`).join('\n')}
${data.evaluations.length > 0 ? trajectoryTable(data) : ''}
${last === undefined ? '' : conditionTable(last)}
${last === undefined ? '' : exampleTable(last)}
<h2>Set-up</h2>
<dl class="facts">${data.facts.map(([label, value]) => `<dt>${escapeHtml(label)}</dt><dd>${escapeHtml(value)}</dd>`).join('')}</dl>
${healthTables(data)}
${otherTables(data)}
${data.warnings.length > 0 ? `<h2>Warnings of the run</h2><ul>${data.warnings.map((warning) => `<li>${escapeHtml(warning)}</li>`).join('')}</ul>` : ''}
<h2>How to read this</h2>
<p>The AV (verbalizer) is given one residual-stream vector in place of a token embedding and writes an explanation. The AR (reconstructor) reads only that explanation and predicts the vector. <b>AV_OUT</b> is that round trip. <b>SHUFFLED</b> gives the AR another row's AV explanation, <b>SHUFFLED_SAME_TOKEN</b> that of a row read at the same token, <b>EMPTY</b> none, <b>GOLD</b> the teacher's; <b>MEAN</b> is the best constant vector. Cosines mean nothing without MEAN beside them; <b>fve_nrm</b> (fraction of variance explained by direction, 0 for no better than the variance, negative for worse) is the figure to compare across models. Explanations can be fluent and wrong.</p>
<h2>Resolved configuration</h2>
<p class="muted">Every option with its value, defaults filled in. As a config file it makes this run again.</p>
<details><summary>show the configuration</summary>
<pre>${escapeHtml(stringify(data.configuration, { lineWidth: 0 }))}</pre>
</details>
</main>
</body>
</html>
`;
}

function trajectoryTable(data: ReportData): string {
  const { evaluations } = data;
  const cosineOf = (evaluation: StepEvaluation, condition: string): string => {
    const point = evaluation.conditions.find((item) => item.condition === condition);
    return point === undefined ? '' : formatNumber(point.cosine.value);
  };
  const differenceOf = (evaluation: StepEvaluation, against: string): string => {
    const point = evaluation.differences.find((item) => item.against === against);
    if (point === undefined) return '';
    const tone = point.difference.low > 0 ? 'good' : point.difference.high < 0 ? 'bad' : '';
    return `<span class="${tone}">${escapeHtml(formatEstimate(point.difference, true))}</span>`;
  };
  const fveOf = (evaluation: StepEvaluation): string => {
    const fve = evaluation.conditions.find((item) => item.condition === 'AV_OUT')?.fve;
    return fve === undefined ? '' : formatNumber(fve);
  };
  const names = ['AV_OUT', 'GOLD', 'SHUFFLED', 'EMPTY', 'MEAN'];
  const measured = (against: string) => evaluations.some(({ differences }) => differences.some((point) => point.against === against));
  const effects = ['SHUFFLED', 'SHUFFLED_SAME_TOKEN', 'MEAN'].filter((name) => name !== 'SHUFFLED_SAME_TOKEN' || measured(name));
  const head = ['step', 'rows', ...names, 'AV_OUT fve_nrm', ...effects.map((name) => `AV_OUT − ${name} [95 %]`)];
  return `<h2>H5 at every measured checkpoint</h2>
<div class="scroll"><table><thead><tr>${head.map((name) => `<th class="number">${name}</th>`).join('')}</tr></thead>
<tbody>${evaluations
    .map((evaluation) => {
      const cells = [
        String(evaluation.step),
        String(evaluation.rows),
        ...names.map((name) => cosineOf(evaluation, name)),
        fveOf(evaluation),
        ...effects.map((name) => differenceOf(evaluation, name)),
      ];
      return `<tr>${cells.map((cell) => `<td class="number">${cell}</td>`).join('')}</tr>`;
    })
    .join('\n')}</tbody></table></div>
${trendSentences(data)
  .map((sentence) => `<p>${escapeHtml(sentence)}</p>`)
  .join('\n')}`;
}

function conditionTable(evaluation: StepEvaluation): string {
  const threshold = evaluation.threshold === undefined ? '' : ` ${formatNumber(evaluation.threshold)}`;
  const head = [
    'rows',
    'mean cosine [95 %]',
    'sd',
    'median',
    `share above${threshold}`,
    'fve_nrm',
    'fve_nrm of a constant',
    'AV_OUT − condition [95 %]',
    'p',
    'd_z',
  ];
  const shown = (value: number | undefined) => (value === undefined ? '' : formatNumber(value));
  return `<h2>All conditions at step ${evaluation.step}</h2>
<div class="scroll"><table><thead><tr><th>condition</th>${head.map((name) => `<th class="number">${escapeHtml(name)}</th>`).join('')}</tr></thead>
<tbody>${evaluation.conditions
    .map((point) => {
      const effect = evaluation.differences.find((item) => item.against === point.condition);
      const cells = [
        point.n === undefined ? '' : String(point.n),
        formatEstimate(point.cosine),
        shown(point.sd),
        shown(point.median),
        shown(point.shareAbove),
        shown(point.fve),
        shown(point.constantFve),
        effect === undefined ? '' : formatEstimate(effect.difference, true),
        permutationP(effect),
        shown(effect?.dZ),
      ];
      return `<tr><td>${escapeHtml(point.condition)}<br><span class="muted">${escapeHtml(point.meaning)}</span></td>${cells
        .map((cell) => `<td class="number">${escapeHtml(cell)}</td>`)
        .join('')}</tr>`;
    })
    .join('\n')}</tbody></table></div>
<p class="muted">p: sign-flip permutation test over documents; those marked * are corrected for the effects that are tested together (Holm).</p>`;
}

function permutationP(effect: DifferencePoint | undefined): string {
  if (effect?.pCorrected !== undefined) return `${formatFigure(effect.pCorrected)} *`;
  return effect?.p === undefined ? '' : formatFigure(effect.p);
}

function exampleTable(evaluation: StepEvaluation): string {
  if (evaluation.examples.length === 0) return '';
  return `<h2>Examples at step ${evaluation.step}</h2>
<p class="muted">Held-out rows sorted by cosine, taken at even distances from the best to the worst, so that failures show. The marked token is where the vector was read.</p>
<table><thead><tr><th style="width:30%">source text</th><th>gold explanation</th><th>AV explanation</th><th class="number">cosine</th><th class="number">minus shuffled</th></tr></thead>
<tbody>${evaluation.examples
    .map(
      (row) =>
        `<tr><td>${markToken(row.text, row.token)}</td><td class="explanation">${escapeHtml(row.gold)}</td><td class="explanation">${escapeHtml(row.verbalized)}</td><td class="number">${formatNumber(row.cosine)}</td><td class="number">${row.shuffledCosine === undefined ? '' : formatSigned(row.cosine - row.shuffledCosine)}</td></tr>`,
    )
    .join('\n')}</tbody></table>`;
}

function markToken(text: string, token: string): string {
  const trimmed = token.trim();
  if (trimmed === '' || !text.endsWith(trimmed)) return escapeHtml(text);
  return `${escapeHtml(text.slice(0, text.length - trimmed.length))}<mark>${escapeHtml(trimmed)}</mark>`;
}

function healthTables({ health }: ReportData): string {
  return (['av', 'ar'] as const)
    .map((role) => {
      const points = health.filter((point) => point.role === role);
      if (points.length === 0) return '';
      return `<h2>Health of the ${role.toUpperCase()} at its checkpoints</h2>\n${figuresTable(points)}`;
    })
    .join('\n');
}

function otherTables({ others }: ReportData): string {
  return [...new Set(others.map(({ evaluator }) => evaluator))]
    .map((id) => {
      const points = others.filter(({ evaluator }) => evaluator === id).map(({ step, headline }) => ({ step, figures: headline }));
      return `<h2>${escapeHtml(id)}</h2>\n${figuresTable(points)}`;
    })
    .join('\n');
}

/** A row a figure, a column a step: figures are many and have long names, steps are few. */
function figuresTable(points: readonly { readonly step: number; readonly figures: Figures }[]): string {
  const names = [...new Set(points.flatMap(({ figures }) => Object.keys(figures)))];
  const cell = (value: number | undefined): string => `<td class="number">${value === undefined ? '' : formatFigure(value)}</td>`;
  return `<div class="scroll"><table class="fit"><thead><tr><th>step</th>${points
    .map(({ step }) => `<th class="number">${step}</th>`)
    .join('')}</tr></thead>
<tbody>${names
    .map((name) => `<tr><td>${escapeHtml(name)}</td>${points.map(({ figures }) => cell(figures[name])).join('')}</tr>`)
    .join('\n')}</tbody></table></div>`;
}
