import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonValue } from '@nlakit/core';
import { runAllStages, startSession } from '@nlakit/run';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { fakeConfig, fakeHost, type FakeJournal } from '../../run/src/test-support/fake-plugins.js';
import { plainOfHtml } from './escape.js';
import { lintResults, writeReport } from './index.js';

const estimate = (value: number): JsonValue => ({ value, low: value - 0.05, high: value + 0.04 });
const nasty = '<script>alert("x")</script> & | pipe';

/** 40 rows whose cosines are 0.00, 0.02, …, 0.78, not in order. */
const rows = Array.from({ length: 40 }, (_, index) => {
  const cosine = ((index * 7) % 40) / 50;
  return {
    id: `r${index}`,
    text: index === 0 ? nasty : `text number ${index} ends here`,
    token: index === 0 ? 'pipe' : ' here',
    gold: `gold ${index}`,
    explanation: `said ${index}`,
    cosines: { AV_OUT: cosine, SHUFFLED: 0.1 },
  };
});

function measure(step: number): ReturnType<NonNullable<FakeJournal['measure']>> {
  return {
    rows,
    headline: {
      n: 40,
      avOut: 0.1 * step + 0.0123,
      mean: 0.55,
      difference: 0.1 * step - 0.0877,
      low: 0.1 * step - 0.1377,
      high: 0.1 * step - 0.0477,
    },
    columns: [
      { figure: 'n', label: 'rows', format: 'count' },
      { figure: 'avOut', label: 'AV_OUT', format: 'number' },
      { figure: 'mean', label: 'MEAN', format: 'number' },
      { figure: 'difference', label: 'AV_OUT − SHUFFLED', format: 'difference', interval: ['low', 'high'] },
    ],
    summary: {
      conditions: {
        AV_OUT: { cosine: estimate(0.1 * step + 0.0123), fveNrm: 0.2345, meaning: 'the round trip' },
        GOLD: { cosine: estimate(0.8765), fveNrm: 0.5 },
        SHUFFLED: { cosine: estimate(0.1) },
        EMPTY: { cosine: estimate(0.2) },
        MEAN: { cosine: estimate(0.55) },
      },
      differences: { SHUFFLED: { ...(estimate(0.1 * step - 0.0877) as object), n: 40 }, MEAN: estimate(-0.3) },
      checks: { AV_READS_VECTOR: step > 2, BEATS_CONSTANT: false, NOT_THERE: null },
      baselines: { rho: 0.54321 },
    },
    warnings: [{ code: 'W_FAKE', message: 'no file /srv/models/secret place/rows.parquet was found' }],
  };
}

async function finishedRun(journal: FakeJournal, config = fakeConfig): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'nla-report-'));
  await writeFile(join(root, 'nla.config.yaml'), config);
  const session = await startSession(join(root, 'nla.config.yaml'), { host: fakeHost(journal), runFolder: join(root, 'run') });
  await runAllStages(session);
  return join(root, 'run');
}

/** The rows of all tables of a page, cell by cell. */
function textsOfRows(html: string): string[][] {
  return [...html.matchAll(/<tr>([\s\S]*?)<\/tr>/g)].map((row) =>
    [...(row[1] ?? '').matchAll(/<td[^>]*>([\s\S]*?)<\/td>/g)].map((cell) => plainOfHtml(cell[1] ?? '')),
  );
}

describe('writeReport', () => {
  let folder: string;
  let page: string;
  let card: string;

  beforeAll(async () => {
    const config = fakeConfig.replace('source: x', 'source: /srv/models/base model/gemma-x');
    folder = await finishedRun({ done: [], measure }, config);
    await writeReport(folder, { license: { id: 'apache-2.0' } });
    page = await readFile(join(folder, 'report/index.html'), 'utf8');
    card = await readFile(join(folder, 'report/README.md'), 'utf8');
  });

  it('shows the numbers of the stored evaluations at every step', () => {
    for (const step of [2, 4, 5]) {
      const cosine = (0.1 * step + 0.0123).toFixed(3);
      const difference = (0.1 * step - 0.0877).toFixed(3);
      const interval = `+${difference} [+${(0.1 * step - 0.1377).toFixed(3)}, +${(0.1 * step - 0.0477).toFixed(3)}]`;
      if (step > 2) {
        expect(textsOfRows(page)).toContainEqual([String(step), '40', cosine, '0.550', interval]);
        expect(card).toContain(`| ${step} | 40 | ${cosine} | 0.550 | ${interval} |`);
      }
    }
    for (const text of [plainOfHtml(page), card]) {
      expect(text).toContain('At step 5, AV_OUT − SHUFFLED is +0.412 [+0.362, +0.452] in cosine over 40 held-out rows.');
      expect(text).toContain('guessing the average does better');
      expect(text).toContain('AV_OUT − SHUFFLED shows no trend from step 2 to 5: +0.000 [+0.000, +0.000] per 100 steps');
      expect(text).toContain('is 0.543: a cosine below it says nothing.');
    }
    expect(page).toContain('the round trip');
  });

  it('names the place in a file that each number comes from', () => {
    expect(page).toMatch(
      /<td class="number" data-format="number" data-from="eval\/h5\/step_000005\.json#\/headline\/avOut"[^>]*>0\.512<\/td>/,
    );
  });

  it('shows the checks by name', () => {
    expect(textsOfRows(page)).toContainEqual(['AV_READS_VECTOR', 'FAIL', 'pass', 'pass']);
    expect(card).toContain('| BEATS_CONSTANT | FAIL | FAIL | FAIL |');
    expect(card).toContain('| NOT_THERE | not measured | not measured | not measured |');
  });

  it('shows losses, guard and health', () => {
    expect(card).toContain('| step | loss |\n|---:|---:|\n| 2 | 0.500 |\n| 4 | 0.250 |\n| 5 | 0.200 |');
    expect(textsOfRows(page)).toContainEqual(['AV', 'accepted', '2.000', '2.000', '1.000', '1.000', 'no']);
    expect(textsOfRows(page)).toContainEqual(['held_out_loss', '0.500', '0.250', '0.200']);
  });

  it('lists the folders that are there, and loads the newest step', () => {
    const layout = /## Layout\n\n```text\n([\s\S]*?)```/.exec(card)?.[1] ?? '';
    expect(layout.split('\n').map((line) => line.split(/\s/)[0])).toEqual([
      ...['eval/h5/', 'figures/', 'reconstructor/step_000003/'],
      ...['trajectory/step_000002/', 'trajectory/step_000004/', 'trajectory/step_000005/', ''],
    ]);
    expect(card).toContain('subfolder="trajectory/step_000005"');
    expect(card).toContain('author  = {Fraser-Taliente, Kit and Kantamneni, Subhash and Ong, Euan and others}');
  });

  it('shows what is said beyond the token, and the corrected p, where it was measured', async () => {
    const extended = await finishedRun({
      done: [],
      measure: (step) => {
        const { summary, ...others } = measure(step);
        const conditions = {
          ...(summary?.['conditions'] as object),
          SHUFFLED_SAME_TOKEN: { cosine: estimate(0.6), n: 37, sd: 0.111, median: 0.654, shareAbove: 0.987, constantFveNrm: -0.321 },
        };
        const differences = {
          ...(summary?.['differences'] as object),
          SHUFFLED_SAME_TOKEN: { ...(estimate(0.0613) as object), n: 37, p: 0.02, dZ: 0.456 },
        };
        return {
          ...others,
          summary: { ...summary, conditions, differences, family: { SHUFFLED_SAME_TOKEN: { p: 0.02, pHolm: 0.04 } }, threshold: 0.3 },
        };
      },
    });
    await writeReport(extended);
    const html = await readFile(join(extended, 'report/index.html'), 'utf8');
    expect(plainOfHtml(html)).toContain(
      'the difference is +0.061 [+0.011, +0.101] over 37 rows: explanations say more than which token it was.',
    );
    const row = textsOfRows(html).find(([name]) => name === 'SHUFFLED_SAME_TOKEN');
    expect(row).toEqual(expect.arrayContaining(['37', '0.111', '0.654', '98.7 %', '−0.321', '0.020', '0.040', '0.456']));
    expect(card).not.toContain('SAME_TOKEN');
  });

  it('chooses examples by rule: best, median, worst', () => {
    const cosines = [...card.matchAll(/^\| (best|median|worst) \| .*? \| gold (\d+) \| said \2 \| (\d\.\d{3}) \| 0\.100 \|$/gm)];
    expect(cosines.map(([, group, , cosine]) => [group, Number(cosine)])).toEqual([
      ...[0.78, 0.76, 0.74, 0.72].map((cosine) => ['best', cosine]),
      ...[0.42, 0.4, 0.38, 0.36].map((cosine) => ['median', cosine]),
      ...[0.06, 0.04, 0.02, 0].map((cosine) => ['worst', cosine]),
    ]);
    expect(page).toContain('Worst: the lowest cosines of AV_OUT');
  });

  it('escapes what texts hold and marks the token', () => {
    expect(page).not.toContain('<script>');
    expect(page).toContain('&#60;script&#62;alert(&#34;x&#34;)&#60;/script&#62; &#38; | <mark>pipe</mark>');
    expect(card).toContain('&lt;script>alert("x")&lt;/script> & \\| pipe');
  });

  it('is one file that fetches nothing', () => {
    expect(page).not.toMatch(/<(?:script|link|img|iframe)\b/);
    expect(page).not.toMatch(/(?:src|href)="(?!#)/);
    expect(page).toMatch(/prefers-color-scheme: dark/);
    expect(page.match(/<svg/g)).toHaveLength(7);
  });

  it('holds no path of this machine', () => {
    for (const text of [page, card]) {
      for (const path of [folder, tmpdir(), '/srv', 'secret place', 'base model/']) expect(text).not.toContain(path);
    }
    expect(page).toContain('source: …/gemma-x');
    expect(page).toContain('no file …/rows.parquet was found');
  });

  it('shows the resolved configuration as a config file', () => {
    const block = /<pre>([\s\S]*?)<\/pre>/.exec(page)?.[1] ?? '';
    const text = block.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
    expect(parse(text)).toMatchObject({
      schema: 1,
      name: 'fake-run',
      seed: 7,
      trainers: { ar: { use: '@fake/trainer#ar', options: { steps: 3, saveEvery: 2 } } },
      evaluators: [{ id: 'h5', options: { rows: 3 } }],
    });
  });

  it('draws figures as SVG and as PNG of their size', async () => {
    const names = ['cosines', 'effect', 'h5', 'loss-ar', 'loss-av', 'scatter-shuffled', 'trajectory'];
    expect(await readdir(join(folder, 'report/figures'))).toEqual(names.flatMap((name) => [`${name}.png`, `${name}.svg`]));
    for (const name of names) {
      const png = await readFile(join(folder, `report/figures/${name}.png`));
      expect([...png.subarray(0, 8)]).toEqual([137, 80, 78, 71, 13, 10, 26, 10]);
      expect(png.readUInt32BE(16)).toBeGreaterThan(600);
      expect(png.readUInt32BE(20)).toBeGreaterThan(200);
      expect(await readFile(join(folder, `report/figures/${name}.svg`), 'utf8')).toMatch(/^<svg[^>]*>[\s\S]*<\/svg>$/);
      expect(card).toContain(`](figures/${name}.png)`);
    }
  });

  it('states a licence on the card only if it is told one, and a base model only if the Hub can know it', async () => {
    expect(parse(card.split('---')[1] ?? '')).toMatchObject({ license: 'apache-2.0', base_model: 'fake/base' });
    await writeReport(folder);
    expect(parse((await readFile(join(folder, 'report/README.md'), 'utf8')).split('---')[1] ?? '')).not.toHaveProperty('license');
  });

  it('states the newest evaluation as the model index of the Hub, and the base model as a tag', () => {
    const { tags, ...front } = parse(card.split('---')[1] ?? '') as Readonly<Record<string, unknown>>;
    expect(tags).toEqual(expect.arrayContaining(['base_model:adapter:fake/base', 'peft', 'lora', 'nla']));
    expect(front).toMatchObject({
      base_model_relation: 'adapter',
      library_name: 'peft',
      pipeline_tag: 'text-generation',
      'model-index': [
        {
          name: expect.stringMatching(/ step \d+$/) as string,
          results: [
            {
              task: { type: 'text-generation' },
              dataset: { type: 'h5-held-out', name: expect.stringMatching(/^\d+ held-out rows$/) as string },
              metrics: expect.arrayContaining([
                { type: 'cosine_similarity', name: 'AV_OUT mean cosine', value: expect.any(Number) as number },
              ]) as object[],
            },
          ],
        },
      ],
    });
  });

  it('links the data sheet where there is one', async () => {
    expect(page).not.toContain('data-sheet.html');
    await writeFile(join(folder, 'report/data-sheet.html'), '<!doctype html>');
    await writeReport(folder);
    expect(await readFile(join(folder, 'report/index.html'), 'utf8')).toContain('<a href="data-sheet.html">the data sheet</a>');
    await rm(join(folder, 'report/data-sheet.html'));
  });

  it('leaves out what was not measured', async () => {
    const bare = await finishedRun({ done: [] }, fakeConfig.replace(/evaluators:[\s\S]*?(?=publisher)/, ''));
    await writeReport(bare);
    const text = await readFile(join(bare, 'report/index.html'), 'utf8');
    expect(text).toContain('Nothing has been measured yet');
    expect(text).not.toContain('id="h5"');
    expect((await readdir(join(bare, 'report/figures'))).filter((name) => name.endsWith('.png'))).toEqual(['loss-ar.png', 'loss-av.png']);
  });

  it('shows evaluators that compare no conditions as tables of their figures', async () => {
    const other = await finishedRun({ done: [], measure: (step) => ({ headline: { topOne: step / 8 } }) });
    await writeReport(other);
    const text = await readFile(join(other, 'report/index.html'), 'utf8');
    expect(textsOfRows(text)).toContainEqual(['topOne', '0.250', '0.500', '0.625']);
    expect(await lintResults(other)).toEqual([]);
  });

  it('refuses a folder that is no run', async () => {
    await expect(writeReport(tmpdir())).rejects.toMatchObject({ code: 'E_RUN_MISSING' });
  });
});
