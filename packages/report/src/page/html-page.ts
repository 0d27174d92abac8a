import { stringify } from 'yaml';
import { notWithdrawn, retractedGroups } from '../card/retraction-banner.js';
import { decodingSentences, setUp } from '../card/set-up.js';
import { DATA_SHEET_FILE } from '../data-sheet/data-sheet-file.js';
import { escapeHtml } from '../escape.js';
import { lastEvaluation, type ReportData } from '../report-data.js';
import { summarySentences, trendSentences } from '../summary-sentences.js';
import { checkTable } from '../tables/check-table.js';
import { conditionTable } from '../tables/condition-table.js';
import { healthGates } from '../tables/health-gates.js';
import { guardTable, healthTable } from '../tables/health-tables.js';
import { headlineTable } from '../tables/headline-table.js';
import { lossTable } from '../tables/loss-table.js';
import { pointerTo } from '../traced/json-pointer.js';
import type { Sentence } from '../traced/sentence.js';
import { examples } from './examples.js';
import { htmlSentence, htmlTable, sourceAttributes } from './html-table.js';
import { STYLE } from './style.js';

/** A figure of the page as SVG text. */
export interface PageFigure {
  readonly title: string;
  readonly caption: string;
  readonly svg: string;
}

interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: string;
}

/** The report as one HTML file that opens from disk: styles and figures are inside, nothing is fetched. */
export function htmlPage(data: ReportData, figures: readonly PageFigure[]): string {
  const { facts } = data;
  const sections = sectionsOf(data, figures);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(facts.name)}: NLA report</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header>
<h1>${escapeHtml(facts.name)}</h1>
<div class="muted">A natural language autoencoder on ${escapeHtml(facts.baseModel)}, activations of block ${facts.layer}</div>
<nav aria-label="sections">${sections.map(({ id, title }) => `<a href="#${id}">${escapeHtml(title)}</a>`).join('')}</nav>
</header>
${banner(data)}
${summarySentences(data)
  .map((sentence) => `<p class="lead">${htmlSentence(sentence)}</p>`)
  .join('\n')}
${tiles(data)}
${sections.map(({ id, title, body }) => `<h2 id="${id}">${escapeHtml(title)}</h2>\n${body}`).join('\n')}
</main>
</body>
</html>
`;
}

function sectionsOf(data: ReportData, figures: readonly PageFigure[]): readonly Section[] {
  const { evaluations, others, facts, cell, steps } = data;
  const last = lastEvaluation(data);
  const sections: Section[] = [];
  const add = (id: string, title: string, ...parts: readonly string[]): void => {
    const body = parts.filter((part) => part !== '').join('\n');
    if (body !== '') sections.push({ id, title, body });
  };
  add(
    'figures',
    'Figures',
    figures.length === 0
      ? ''
      : `<div class="figures">${figures
          .map(
            ({ title, caption, svg }) =>
              `<figure aria-label="${escapeHtml(title)}">${svg}<figcaption>${escapeHtml(caption)}</figcaption></figure>`,
          )
          .join('\n')}</div>`,
  );
  if (evaluations.length > 0) {
    const shown = last ?? evaluations.at(-1);
    add(
      'h5',
      'H5 at every measured checkpoint',
      htmlTable(headlineTable(cell, evaluations), 'H5 at every measured checkpoint'),
      paragraphs(trendSentences(data)),
      shown === undefined ? '' : paragraphs(decodingSentences(data, shown.file, data.documents(shown.file)), 'muted small'),
    );
    const checks = checkTable(data);
    if (checks !== undefined) {
      add(
        'checks',
        'Checks of H5',
        '<p class="muted small">Each has to pass before a result says that explanations carry content: the interval of its difference lies above zero.</p>',
        htmlTable(checks, 'Checks'),
      );
    }
  }
  if (last !== undefined) {
    add(
      'conditions',
      `All conditions at step ${last.step}`,
      htmlTable(conditionTable(data, last), 'Conditions'),
      '<p class="muted small">p: sign-flip permutation test over documents; Holm: corrected for the effects that are tested together. Intervals are bootstrap intervals over documents.</p>',
    );
    if (last.examples.length > 0) {
      add(
        'examples',
        `Examples at step ${last.step}`,
        '<p class="muted small">Chosen by rule from all held-out rows, so that failures show. The marked token is where the vector was read. Nothing is cut; long texts unfold.</p>',
        examples(data, last),
      );
    }
  }
  for (const id of [...new Set(others.map(({ evaluator }) => evaluator))]) {
    const own = others.filter(({ evaluator }) => evaluator === id);
    add(`evaluation-${id.replace(/[^\w-]/g, '-')}`, `Evaluation: ${id}`, htmlTable(headlineTable(cell, own), id));
  }
  add('health', 'Health and guard', ...health(data));
  if (steps.length > 0) add('loss', 'Loss at every checkpoint', htmlTable(lossTable(data), 'Losses'));
  add(
    'set-up',
    'Set-up',
    `<ul>${setUp(data)
      .map((sentence) => `<li>${htmlSentence(sentence)}</li>`)
      .join('\n')}</ul>`,
    data.paths.includes(DATA_SHEET_FILE)
      ? `<p>What is in the data, with examples: <a href="${DATA_SHEET_FILE}">the data sheet</a>.</p>`
      : '',
  );
  add(
    'warnings',
    'Warnings of the run',
    facts.warnings.length === 0 ? '' : `<ul>${facts.warnings.map((warning) => `<li>${escapeHtml(warning)}</li>`).join('')}</ul>`,
  );
  add('reading', 'How to read this', HOW_TO_READ);
  add(
    'configuration',
    'Resolved configuration',
    `<p class="muted">Every option with its value, defaults filled in. As a config file it makes this run again.</p>
<details><summary>show the configuration</summary>
<pre>${escapeHtml(stringify(facts.configuration, { lineWidth: 0 }))}</pre>
</details>`,
  );
  return sections;
}

const HOW_TO_READ = `<p>The AV (verbalizer) is given one residual-stream vector in place of a token embedding and writes an explanation. The AR (reconstructor) reads only that explanation and predicts the vector. <b>AV_OUT</b> is that round trip. <b>SHUFFLED</b> gives the AR another row's AV explanation, <b>SHUFFLED_SAME_TOKEN</b> that of a row read at the same token, <b>EMPTY</b> none, <b>GOLD</b> the teacher's; <b>MEAN</b> is the best constant vector, and <b>ρ</b> the cosine that it reaches on the training vectors. Cosines mean nothing without them; <b>fve_nrm</b> (fraction of variance explained by direction, 0 for no better than the variance, negative for worse) is the figure to compare across models. Explanations can be fluent and wrong.</p>
<p class="muted small">Every number of a table names the file and the place in it that it comes from: point at it. <code>nla lint</code> looks them all up.</p>`;

function banner(data: ReportData): string {
  const groups = retractedGroups(data);
  if (groups.length === 0) return '';
  const parts = groups.map(
    ({ folders, why }) =>
      `<p><b>Correction.</b> Do not rely on ${folders.map((folder) => `<code>${escapeHtml(folder)}</code>`).join(', ')}: ${htmlSentence(why)}</p>`,
  );
  return `<div class="banner" role="note">${parts.join('\n')}<p class="small">${notWithdrawn}</p></div>`;
}

/** The headline of the last step that counts, in the columns of its evaluator that matter most: effects first. */
function tiles(data: ReportData): string {
  const last = lastEvaluation(data);
  const columns = (last?.columns ?? []).filter(({ figure }) => last?.headline[figure] !== undefined);
  if (last === undefined || columns.length === 0) return '';
  const chosen = [
    ...columns.filter(({ interval }) => interval !== undefined),
    ...columns.filter(({ format, interval }) => interval === undefined && format !== 'count'),
  ];
  return `<div class="tiles">${chosen
    .slice(0, 5)
    .map(({ figure, label, format, interval = [] }) => {
      const value = data.cell(format ?? 'auto', last.file, ...[figure, ...interval].map((name) => pointerTo('headline', name)));
      const [shown, range] = value.text.split(' [');
      const parts =
        range === undefined
          ? escapeHtml(value.text)
          : `<span>${escapeHtml(shown ?? '')}</span><span class="interval"> [${escapeHtml(range)}</span>`;
      return `<div class="tile"><div class="label">${escapeHtml(label)}, step ${last.step}</div><div class="value"><data${sourceAttributes(value)}>${parts}</data></div></div>`;
    })
    .join('')}</div>`;
}

function health(data: ReportData): readonly string[] {
  const guard = guardTable(data);
  const gates = healthGates(data).map(({ name, meaning, passed }) => {
    const [tone, word] = passed === undefined ? ['muted', 'not measured'] : passed ? ['good', 'pass'] : ['bad', 'FAIL'];
    return `<li><span class="${tone}">${word}</span><span><span class="name">${name}</span> <span class="muted">${escapeHtml(meaning)}</span></span></li>`;
  });
  const reasons = data.facts.guards.flatMap((found) =>
    found.reasons.map((reason) => `<li>${found.role.toUpperCase()}: ${escapeHtml(reason)}</li>`),
  );
  const tables = (['av', 'ar'] as const).map((role) => {
    const table = healthTable(data, role);
    return table === undefined
      ? ''
      : `<details><summary>all figures of the ${role.toUpperCase()} at its checkpoints</summary>${htmlTable(table, `Health of the ${role.toUpperCase()}`)}</details>`;
  });
  return [
    gates.length === 0 ? '' : `<p class="muted small">At the newest save of each role:</p><ul class="gates">${gates.join('')}</ul>`,
    guard === undefined ? '' : `<h3>Guard: length of the injected vector against what the model knows</h3>${htmlTable(guard, 'Guard')}`,
    reasons.length === 0 ? '' : `<ul class="small">${reasons.join('')}</ul>`,
    ...tables,
  ];
}

function paragraphs(sentences: readonly Sentence[], classes = ''): string {
  return sentences.map((sentence) => `<p${classes === '' ? '' : ` class="${classes}"`}>${htmlSentence(sentence)}</p>`).join('\n');
}
