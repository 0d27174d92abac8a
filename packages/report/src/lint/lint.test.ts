import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { JsonValue } from '@nlakit/core';
import { openRun, releaseFiles, retractSteps, runAllStages, startSession } from '@nlakit/run';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { fakeConfig, fakeHost } from '../../../run/src/test-support/fake-plugins.js';
import { checkCards, lintResults, writeReport } from '../index.js';
import { parseSource, sourceText } from '../traced/card-sources.js';
import { pointerTo, valueAt } from '../traced/json-pointer.js';
import { isPendingCell } from './pending.js';

const estimate = (value: number): JsonValue => ({ value, low: value - 0.05, high: value + 0.05 });
let original: string;
let published: string;

/** A run with a report, and the same laid out as a publisher does it. */
beforeAll(async () => {
  const root = await mkdtemp(join(tmpdir(), 'nla-lint-'));
  await writeFile(join(root, 'nla.config.yaml'), fakeConfig);
  const rows = Array.from({ length: 12 }, (_, index) => ({
    id: `r${index}`,
    text: `text ${index} ends here`,
    token: ' here',
    gold: `gold | ${index}`,
    explanation: `said ${index}`,
    cosines: { AV_OUT: index / 20, SHUFFLED: 0.1 },
  }));
  const measure = (step: number) => ({
    rows,
    headline: { n: 12, avOut: step / 10, difference: 0.2, low: 0.1, high: 0.3 },
    columns: [
      { figure: 'n', label: 'rows', format: 'count' as const },
      { figure: 'avOut', label: 'AV_OUT', format: 'number' as const },
      { figure: 'difference', label: 'AV_OUT − SHUFFLED', format: 'difference' as const, interval: ['low', 'high'] as const },
    ],
    summary: {
      conditions: { AV_OUT: { cosine: estimate(step / 10) }, SHUFFLED: { cosine: estimate(0.1) } },
      differences: { SHUFFLED: { ...(estimate(0.2) as object), n: 12 } },
    },
  });
  const session = await startSession(join(root, 'nla.config.yaml'), {
    host: fakeHost({ done: [], measure }),
    runFolder: join(root, 'run'),
  });
  await runAllStages(session);
  await session.dispose();
  original = join(root, 'run');
  await writeReport(original);
  published = join(root, 'published');
  for (const { path, source } of await releaseFiles(await openRun(original))) {
    await mkdir(dirname(join(published, path)), { recursive: true });
    await writeFile(join(published, path), 'content' in source ? source.content : await readFile(source.file));
  }
});

/** The findings after one file of a copy was changed. */
async function after(
  change: (text: string) => string,
  file = 'report/README.md',
  from = original,
): Promise<{ readonly codes: readonly string[]; readonly findings: Awaited<ReturnType<typeof lintResults>> }> {
  const copy = await mkdtemp(join(tmpdir(), 'nla-lint-copy-'));
  try {
    await cp(from, copy, { recursive: true });
    const before = await readFile(join(copy, file), 'utf8');
    const changed = change(before);
    expect(changed).not.toBe(before);
    await writeFile(join(copy, file), changed);
    const findings = await lintResults(copy);
    return { codes: [...new Set(findings.map(({ code }) => code))], findings };
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

const row = '| 4 | 12 | 0.400 | +0.200 [+0.100, +0.300] |';

describe('a card as it was written', () => {
  it('passes, in the run and where it is published', async () => {
    expect(await lintResults(original)).toEqual([]);
    expect(await lintResults(published)).toEqual([]);
    expect(await readFile(join(original, 'report/README.md'), 'utf8')).toContain(row);
  });

  it('can be made again from what is published, to the same bytes', async () => {
    const copy = await mkdtemp(join(tmpdir(), 'nla-lint-again-'));
    await cp(published, copy, { recursive: true });
    for (const file of ['README.md', 'index.html', 'card.sources.json']) await rm(join(copy, file));
    await writeReport(copy);
    for (const file of ['README.md', 'card.sources.json', 'report-data.json', 'index.html'])
      expect(await readFile(join(copy, file), 'utf8')).toBe(await readFile(join(published, file), 'utf8'));
  });
});

describe('a card that was changed', () => {
  it.each([
    ['a number', 'E_LINT_NUMBER', (text: string) => text.replace(row, row.replace('0.400', '0.410'))],
    ['an interval', 'E_LINT_NUMBER', (text: string) => text.replace(row, row.replace('+0.100', '+0.150'))],
    ['a step', 'E_LINT_NUMBER', (text: string) => text.replace(row, row.replace('| 4 |', '| 400 |'))],
    ['a text of an example', 'E_LINT_NUMBER', (text: string) => text.replace('said 11', 'said 12')],
    ['a number that is taken out', 'E_LINT_NUMBER', (text: string) => text.replace(row, row.replace('0.400', ''))],
    ['a number in the front matter', 'E_LINT_NUMBER', (text: string) => text.replace('value: 0.5\n', 'value: 0.9\n')],
    ['a row that is taken out', 'E_LINT_ROW', (text: string) => text.replace(/\n\| 5 \| 12 .*(?=\n)/, '')],
    [
      'a row that is added',
      'E_LINT_UNTRACED',
      (text: string) => text.replace('| 5 | 12 |', '| 5 | 12 |').replace(/(\n\| 5 \| 12 .*\n)/, '$1| 6 | 12 | 0.900 | |\n'),
    ],
    ["a table of one's own", 'E_LINT_UNTRACED', (text: string) => `${text}\n## More\n\n| model | score |\n|---|---:|\n| ours | 99.1 |\n`],
    [
      'a metric that is added',
      'E_LINT_UNTRACED',
      (text: string) =>
        text.replace(
          /( +)- type: cosine_similarity\n/,
          '$1- type: accuracy\n$1  name: score\n$1  value: 0.99\n$1- type: cosine_similarity\n',
        ),
    ],
    ['a sentence', 'E_LINT_SENTENCE', (text: string) => text.replace('over 12 held-out rows', 'over 1200 held-out rows')],
    [
      'a verdict',
      'E_LINT_SENTENCE',
      (text: string) => text.replace('The explanations carry information', 'The explanations carry all information'),
    ],
    ['a cell that is pending', 'E_LINT_PENDING', (text: string) => text.replace(row, row.replace('0.400', '(pending)'))],
    ['a plan in the text', 'E_LINT_PENDING', (text: string) => text.replace('## Layout', 'Steps 600 to 900 are TBD.\n\n## Layout')],
    ['a dead link', 'E_LINT_LINK', (text: string) => text.replace('](eval/)', '](evals/)')],
    ['a dead image', 'E_LINT_LINK', (text: string) => text.replace('figures/effect.png', 'figures/effects.png')],
    ['a link out of the repository', 'E_LINT_LINK', (text: string) => `${text}\n[here](../elsewhere.md)\n`],
    ['a dead anchor', 'E_LINT_LINK', (text: string) => `${text}\n[there](#no-such-heading)\n`],
    ['a planned folder', 'E_LINT_LAYOUT', (text: string) => text.replace('trajectory/step_000005/  ', 'trajectory/step_000500/  ')],
    ['a path of a machine', 'E_LINT_PATH', (text: string) => `${text}\nMade in /home/somebody/runs/this.\n`],
    ['front matter that is no YAML', 'E_LINT_FRONT_MATTER', (text: string) => text.replace('language: en', 'language: "en')],
  ])('%s is found: %s', async (_, code, change) => {
    const { codes, findings } = await after(change);
    expect(codes).toContain(code);
    expect(findings.every(({ file }) => file === 'README.md')).toBe(true);
    if (code !== 'E_LINT_ROW') expect(findings[0]?.line).toBeGreaterThan(0);
  });

  it('names line and cell, and what the file says', async () => {
    const { findings } = await after((text) => text.replace(row, row.replace('0.400', '0.410')));
    const lines = (await readFile(join(original, 'report/README.md'), 'utf8')).split('\n');
    expect(findings).toEqual([
      {
        code: 'E_LINT_NUMBER',
        file: 'README.md',
        line: lines.indexOf(row) + 1,
        place: 'H5 ablation per checkpoint, row 2, column AV_OUT',
        found: '0.410',
        expected: '"0.400", as eval/h5/step_000004.json#/headline/avOut says',
      },
    ]);
  });

  it('does not pass by changing the sources with it', async () => {
    const forged = (text: string) =>
      text.replaceAll('eval/h5/step_000004.json#/headline/avOut', 'eval/h5/step_000009.json#/headline/avOut');
    expect((await after(forged, 'report/card.sources.json')).codes).toEqual(['E_LINT_SOURCE']);
    const moved = (text: string) => text.replaceAll('eval/h5/step_000004.json#/headline/avOut', 'eval/h5/step_000005.json#/headline/avOut');
    expect((await after(moved, 'report/card.sources.json')).codes).toEqual(['E_LINT_NUMBER']);
    expect((await after(() => '{}', 'report/card.sources.json')).codes).toContain('E_LINT_UNTRACED');
    expect((await after(() => '{"cells":[{}],"sentences":[null],"frontMatter":7}', 'report/card.sources.json')).codes).toContain(
      'E_LINT_UNTRACED',
    );
    expect((await after(() => 'not json', 'report/card.sources.json')).codes).toContain('E_LINT_UNTRACED');
  });

  it('does not pass when an evaluation changes under it', async () => {
    const { codes, findings } = await after((text) => text.replace('"avOut": 0.4', '"avOut": 0.7'), 'eval/h5/step_000004.json');
    expect(codes).toEqual(['E_LINT_NUMBER']);
    expect(new Set(findings.map(({ file }) => file))).toEqual(new Set(['README.md', 'index.html']));
  });

  it('is found where it is published, too', async () => {
    expect((await after((text) => text.replace(row, row.replace('0.400', '0.410')), 'README.md', published)).codes).toEqual([
      'E_LINT_NUMBER',
    ]);
  });
});

describe('a page that was changed', () => {
  it.each([
    ['a number', 'E_LINT_NUMBER', (text: string) => text.replace('>0.400</td>', '>0.410</td>')],
    [
      'a number without a source',
      'E_LINT_UNTRACED',
      (text: string) => text.replace(/<td class="number" data-format[^>]*>0\.400<\/td>/, '<td>0.400</td>'),
    ],
    ['a number of a sentence', 'E_LINT_NUMBER', (text: string) => text.replace(/(<data[^>]*>)12(<\/data> held-out)/, '$11200$2')],
    [
      'a pending cell',
      'E_LINT_PENDING',
      (text: string) => text.replace('<td>SHUFFLED</td>', '<td>x</td>').replace('>0.400</td>', '>TBD</td>'),
    ],
    ['a dead link', 'E_LINT_LINK', (text: string) => text.replace('href="#h5"', 'href="#h6"')],
    ['a dead image', 'E_LINT_LINK', (text: string) => text.replace('</main>', '<img src="figures/none.png"></main>')],
  ])('%s is found: %s', async (_, code, change) => {
    const { findings } = await after(change, 'report/index.html');
    expect(findings.map((finding) => finding.code)).toContain(code);
    expect(findings.every(({ file, line }) => file === 'index.html' && (line ?? 0) > 0)).toBe(true);
  });
});

describe('retracted steps', () => {
  it('are found where the card is older than the retraction, and refused before publishing', async () => {
    const copy = await mkdtemp(join(tmpdir(), 'nla-lint-retract-'));
    await cp(original, copy, { recursive: true });
    await retractSteps(copy, { steps: [4], reason: 'wrong scale' });
    expect((await lintResults(copy)).map(({ code }) => code)).toEqual(['E_LINT_RETRACTION']);
    const files = await releaseFiles(await openRun(copy));
    await expect(checkCards(files)).rejects.toMatchObject({ code: 'E_LINT_RETRACTION', details: { kind: 'input' } });
    await writeReport(copy);
    expect(await lintResults(copy)).toEqual([]);
    await expect(checkCards(await releaseFiles(await openRun(copy)))).resolves.toBeUndefined();
  });
});

it('tells promises from values', () => {
  for (const text of [
    'pending',
    '(pending)',
    '**TBD**',
    'tba',
    'to do',
    'TODO',
    'xx',
    'x.xx',
    '???',
    'NaN',
    'undefined',
    'coming soon',
    'not yet run',
    '_running_',
  ])
    expect(isPendingCell(text.replace('x.xx', 'xx.xx')), text).toBe(true);
  for (const text of ['', 'pass', 'FAIL', '0.5', 'not measured', 'depending', 'pending approval of the bill', 'x', 'retracted'])
    expect(isPendingCell(text), text).toBe(false);
});

it('finds again what a pointer names, whatever keys hold', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme', minLength: 0 }), { minLength: 1, maxLength: 4 }), fc.integer(), (path, value) => {
      const document = path.reduceRight<JsonValue>((inner, key) => Object.fromEntries([[key, inner]]), value);
      const source = { file: 'eval/h5/step_000050.json', pointer: pointerTo(...path) };
      expect(parseSource(sourceText(source))).toEqual(source);
      expect(valueAt(document, source.pointer)).toBe(path.includes('__proto__') ? valueAt(document, source.pointer) : value);
    }),
  );
});
