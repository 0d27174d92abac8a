import type { Count, DataStats, Distribution } from '@nlakit/dataset';
import { escapeHtml } from '../escape.js';
import { histogramSvg, number } from './histogram-svg.js';
import { dataSheetStyle } from './style.js';

/** What a data sheet is made of. */
export interface DataSheet {
  readonly title: string;
  readonly files: readonly DataStats[];
  /** Documents that two files have in common. */
  readonly shared: readonly { readonly first: string; readonly second: string; readonly documents: number }[];
  readonly notes: readonly string[];
}

/** The data of an NLA as one HTML file that opens from disk: styles and figures are inside, nothing is fetched, nothing runs. */
export function dataSheetPage(sheet: DataSheet): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(sheet.title)}: data sheet</title>
<style>${dataSheetStyle}</style>
</head>
<body>
<main>
<h1>${escapeHtml(sheet.title)}</h1>
<p class="muted">Data sheet of ${sheet.files.length === 1 ? 'a file' : `${sheet.files.length} files`} for a natural language autoencoder, counted from the files themselves</p>
${overview(sheet.files)}
${sharedLines(sheet.shared)}
${sheet.notes.map((note) => `<p class="warning">${escapeHtml(note)}</p>`).join('\n')}
${sheet.files.map(fileSection).join('\n')}
<h2>How to read this</h2>
<p><b>rho</b> is the mean cosine that the best constant vector reaches, so a cosine below it is worse than saying nothing. Its complement <b>1 − rho²</b> is the variance that fve_nrm divides by. A <b>family</b> is what document ids begin with. Examples are chosen by the rule named with them, not by anybody.</p>
</main>
</body>
</html>
`;
}

function overview(files: readonly DataStats[]): string {
  const rows = files.map((file) => [
    escapeHtml(name(file)),
    String(file.rows),
    String(file.documents),
    String(file.labelled),
    file.words === null ? '' : number(file.words.summary.median),
    number(file.norms.summary.median),
    file.baselines === null ? '' : file.baselines.rho.toFixed(3),
  ]);
  return table(['file', 'rows', 'documents', 'labelled', 'median words', 'median norm', 'rho'], rows);
}

function sharedLines(shared: DataSheet['shared']): string {
  const some = shared.filter(({ documents }) => documents > 0);
  if (shared.length > 0 && some.length === 0) return '<p>No two files share a document.</p>';
  return some
    .map(({ first, second, documents }) => `<p>${escapeHtml(first)} and ${escapeHtml(second)} share ${documents} documents.</p>`)
    .join('\n');
}

function fileSection(file: DataStats): string {
  const { duplicates } = file;
  const facts: readonly (readonly [string, string])[] = [
    ['stage', file.stage],
    ['vectors', `${file.dModel} components, output of block ${file.layer}`],
    ['sha256', file.sha256],
    [
      'repeated',
      `${duplicates.rowIds} row ids, ${duplicates.vectors} vectors, ${duplicates.texts} texts, ${duplicates.explanations} explanations`,
    ],
    ...(file.baselines === null
      ? []
      : [
          [
            'constant predictor',
            `rho ${file.baselines.rho.toFixed(4)}, 1 − rho² ${file.baselines.rawvar.toFixed(4)}, 2 (1 − rho) ${file.baselines.meannorm.toFixed(4)}`,
          ] as const,
        ]),
    ...(file.distinctWords === 0 ? [] : [['distinct words', String(file.distinctWords)] as const]),
  ];
  return `<section>
<h2>${escapeHtml(name(file))}</h2>
<dl class="facts">${facts.map(([label, value]) => `<dt>${label}</dt><dd>${escapeHtml(value)}</dd>`).join('')}</dl>
${file.normalised ? '<p class="warning">All vectors have the same length: they were rescaled when they were read, and lengths say nothing.</p>' : ''}
<div class="figures">
${distributionFigure('Vector length', file.norms)}
${distributionFigure('Tokens up to the position', file.tokens)}
${file.words === null ? '' : distributionFigure('Words of an explanation', file.words)}
</div>
<div class="columns">
${countTable('family', file.families, file.rows)}
${file.labelers.length === 0 ? '' : countTable('labelled by', file.labelers, file.labelled)}
${file.topOpenings.length === 0 ? '' : countTable('explanations begin with', file.topOpenings, file.labelled)}
</div>
${file.topWords.length === 0 ? '' : `<h3>Label words</h3>\n<p class="words">${file.topWords.map(({ name: word, count }) => `<span>${escapeHtml(word)} <small>${count}</small></span>`).join(' ')}</p>`}
<h3>Examples by rule</h3>
${table(
  ['rule', 'text', 'explanation', 'norm'],
  file.examples.map(({ rule, id, text, explanation, norm, labeler }) => [
    `${escapeHtml(rule)}<br><small>${escapeHtml(id)}${labeler === null ? '' : `<br>${escapeHtml(labeler)}`}</small>`,
    excerpt(text, 'end'),
    excerpt(explanation, 'start'),
    number(norm),
  ]),
)}
</section>`;
}

/** The end of a text, where the vector was read, or the start of an explanation; the whole behind a fold. */
function excerpt(text: string | null, keep: 'start' | 'end'): string {
  if (text === null) return '<span class="muted">none</span>';
  const most = 240;
  if (text.length <= most) return `<div class="text">${escapeHtml(text)}</div>`;
  const short = keep === 'start' ? `${text.slice(0, most)}…` : `…${text.slice(-most)}`;
  return `<details class="text"><summary>${escapeHtml(short)}</summary>${escapeHtml(text)}</details>`;
}

function distributionFigure(title: string, { summary, histogram }: Distribution): string {
  const { minimum, median, mean, maximum } = summary;
  return `<figure><figcaption>${title}</figcaption>${histogramSvg(histogram, title)}
<p class="muted">median ${number(median)}, mean ${number(mean)}, ${number(minimum)} to ${number(maximum)}</p></figure>`;
}

function countTable(label: string, counts: readonly Count[], total: number): string {
  const most = 12;
  const shown = counts.slice(0, most);
  const rest = counts.slice(most).reduce((sum, { count }) => sum + count, 0);
  const all = rest === 0 ? shown : [...shown, { name: `${counts.length - most} others`, count: rest }];
  return table(
    [label, 'rows', 'share'],
    all.map(({ name: text, count }) => [escapeHtml(text), String(count), `${((100 * count) / Math.max(1, total)).toFixed(1)} %`]),
  );
}

/** Cells are HTML; those of the last columns that hold figures are set right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const figure = (cell: string): string => (/^[\d.,−-]+( %)?$/.test(cell) ? ' class="number"' : '');
  return `<div class="scroll"><table><thead><tr>${head.map((cell, at) => `<th${figure(rows[0]?.[at] ?? '')}>${escapeHtml(cell)}</th>`).join('')}</tr></thead>
<tbody>${rows.map((row) => `<tr>${row.map((cell) => `<td${figure(cell)}>${cell}</td>`).join('')}</tr>`).join('\n')}</tbody></table></div>`;
}

function name({ file }: DataStats): string {
  return file.split(/[\\/]/).at(-1) ?? file;
}
