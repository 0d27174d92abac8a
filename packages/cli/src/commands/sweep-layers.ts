import { readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { NlaError, type Model, type NlaRow } from '@nlakit/core';
import { SWEEP_MEASURES, SWEEP_PLACES, sweepLayers as sweep, type LayerSweep, type SweepMeasure, type SweepText } from '@nlakit/nla';
import { createSeedStreams, machineFacts, readConfig, runDataStage, startSession, writeFileAtomically, type RunSession } from '@nlakit/run';
import { alignColumns } from '../align-columns.js';
import { overridesOf, runFolderOption, wholeNumber, type CommandContext } from '../command-context.js';

interface SweepOptions {
  readonly texts?: string;
  readonly label?: string;
  readonly rows: string;
  readonly positions: string;
  readonly permutations: string;
  readonly out?: string;
}

/** `nla sweep-layers`: what the residual stream behind every block holds, before K is chosen. */
export async function sweepLayers(context: CommandContext, options: SweepOptions, config = ''): Promise<undefined> {
  const { io, host, log } = context;
  const rows = wholeNumber(options.rows, '--rows', 10);
  const positions = wholeNumber(options.positions, '--positions', 0);
  const permutations = wholeNumber(options.permutations, '--permutations', 100);
  const file = resolve(io.cwd, config);
  const { value } = await readConfig(file);
  const name = typeof value === 'object' && value !== null && 'name' in value ? String(value.name) : 'run';
  const session = await startSession(file, {
    host,
    log,
    signal: io.signal,
    // A folder of its own, because a run cannot change its K; and nothing of it is trained.
    overrides: [
      { path: 'name', value: `${name}-layers` },
      { path: 'trainers', value: undefined },
      { path: 'reconstructor', value: undefined },
      { path: 'evaluators', value: [] },
      ...overridesOf(context),
    ],
    resumeCommand: `nla sweep-layers ${config}`,
    ...runFolderOption(context),
  });
  try {
    const seeds = createSeedStreams(session.record.seed);
    const source = options.texts === undefined ? await rowsOfDataset(session, rows) : await rowsOfFile(resolve(io.cwd, options.texts));
    const chosen = seeds.stream('sweep-layers.texts').shuffle(source).slice(0, rows);
    const model = await session.parts.model();
    const label = options.label ?? labelOf(chosen);
    const found = await sweep(model, textsOf(chosen, label, model), {
      positions,
      permutations,
      bootstrap: 2000,
      folds: 5,
      // Stronger than that of evaluators, because there are fewer rows: the fits end sooner and generalise better.
      l2: 1e-2,
      minimumPerClass: 5,
      seeds,
      signal: io.signal,
      onProgress: (task, done, total) => {
        log.progress({ task, done, total, unit: task.startsWith('read') ? 'texts' : 'layers' });
      },
    });
    const result = { ...found, label: label ?? null, seed: session.record.seed, positions, permutations, bootstrap: 2000 };
    const files = options.out === undefined ? [] : await write(result, resolve(io.cwd, options.out));
    context.print({ ...result, ...(files.length === 0 ? {} : { files }) }, () =>
      [...tables(result), '', ...sentences(result), ...files.map((file) => relative(io.cwd, file) || file)].join('\n'),
    );
  } finally {
    await session.dispose();
  }
  return undefined;
}

type Source = Pick<NlaRow, 'documentId' | 'text' | 'fields'>;

/** Texts of the config's dataset, which is made if need be: rows spread over the AV's training split. No vector of theirs is used. */
async function rowsOfDataset(session: RunSession, count: number): Promise<Source[]> {
  await runDataStage(session);
  const split = await (await session.parts.dataset()).open(session.layout.dataFolder, 'avSft');
  const taken = Math.min(count, split.length);
  return await split.rows(Array.from({ length: taken }, (_, place) => Math.floor((place * split.length) / taken)));
}

/** Texts of a JSONL file, one object a line: `{ "text": …, "document"?: …, "fields"?: { … } }`. */
async function rowsOfFile(file: string): Promise<Source[]> {
  const wrong = (found: string, line?: number, cause?: unknown) =>
    new NlaError('E_SWEEP_TEXTS', {
      message: 'The texts cannot be read.',
      file,
      ...(line === undefined ? {} : { line }),
      found,
      expected:
        'a JSON object on every line: { "text": "…", "document": "…", "fields": { "topic": "…" } }; document and fields may be left out',
      kind: 'input',
      cause,
    });
  const content = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw wrong(cause instanceof Error ? cause.message : String(cause), undefined, cause);
  });
  return content.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (cause) {
      throw wrong(line.slice(0, 80), index + 1, cause);
    }
    const { text, document, fields } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
    if (typeof text !== 'string' || text === '') throw wrong(line.slice(0, 80), index + 1);
    return [
      {
        text,
        documentId: typeof document === 'string' ? document : `line ${index + 1}`,
        ...(typeof fields === 'object' && fields !== null ? { fields: fields as Record<string, string> } : {}),
      },
    ];
  });
}

/** The field with the fewest different values, of those that differ at all: the one that a probe can be asked for. */
function labelOf(rows: readonly Source[]): string | undefined {
  const names = [...new Set(rows.flatMap(({ fields }) => Object.keys(fields ?? {})))].sort();
  const sized = names
    .map((name) => ({ name, values: new Set(rows.map(({ fields }) => fields?.[name])).size }))
    .filter(({ values }) => values > 1);
  return sized.sort((one, other) => one.values - other.values)[0]?.name;
}

function textsOf(rows: readonly Source[], label: string | undefined, model: Model): SweepText[] {
  return rows.flatMap(({ text, documentId, fields }) => {
    const tokens = text === undefined ? undefined : model.tokenizer.encode(text, { special: true });
    if (tokens === undefined || tokens.length < 2) return [];
    const value = label === undefined ? undefined : fields?.[label];
    return [{ tokens, documentId, ...(value === undefined ? {} : { label: value }) }];
  });
}

type Result = LayerSweep & { readonly label: string | null };

function tables({ places, label }: Result): string[] {
  return SWEEP_PLACES.filter((place) => places[place].length > 0).map((place) => {
    const measures = SWEEP_MEASURES.filter((measure) => places[place].some((figures) => figures[measure] !== null));
    return `${title(place)}\n${alignColumns([
      [
        'block',
        'norm',
        '/ embedding',
        'rho',
        'rawvar',
        ...measures.flatMap((measure) => [nameOf(measure, label), '95 %', 'chance', 'p (Holm)']),
      ],
      ...places[place].map((figures) => [
        String(figures.layer),
        figures.norm.median.toPrecision(3),
        figures.normToEmbedding.toFixed(2),
        figures.rho.toFixed(3),
        figures.rawvar.toFixed(3),
        ...measures.flatMap((measure) => {
          const found = figures[measure];
          if (found === null) return ['', '', '', ''];
          const { value, low, high, chance, pHolm } = found;
          return [value.toFixed(3), `${low.toFixed(3)}–${high.toFixed(3)}`, chance.toFixed(3), pHolm.toPrecision(2)];
        }),
      ]),
    ])}`;
  });
}

function title(place: (typeof SWEEP_PLACES)[number]): string {
  return place === 'last' ? 'at the last token' : 'at positions drawn from the rest of each text';
}

function nameOf(measure: SweepMeasure, label: string | null): string {
  return measure === 'documentTop1' ? 'document top 1' : `${label ?? 'label'} ${measure === 'probe' ? 'probe' : 'top 1'}`;
}

/** Which layers hold more than chance; nothing is picked. */
function sentences({ aboveChance, label, layers }: Result): string[] {
  return SWEEP_PLACES.flatMap((place) =>
    SWEEP_MEASURES.flatMap((measure) => {
      const above = aboveChance[place][measure];
      if (above === undefined) return [];
      const which = above.length === layers ? 'all blocks' : above.length === 0 ? 'no block' : `blocks ${above.join(', ')}`;
      return [`${nameOf(measure, label)}, ${title(place)}: above chance (interval, and p after Holm's correction) in ${which}`];
    }),
  );
}

async function write(result: Result & { readonly permutations: number; readonly bootstrap: number }, folder: string): Promise<string[]> {
  const { profileFigure, writeFigure } = await import('@nlakit/report');
  const series = (place: (typeof SWEEP_PLACES)[number]) => (place === 'last' ? 'last token' : 'other positions');
  const measures = SWEEP_MEASURES.filter((measure) =>
    SWEEP_PLACES.some((place) => result.places[place].some((figures) => figures[measure] !== null)),
  );
  const plain = (panel: string, unit: string, value: (figures: LayerSweep['places']['last'][number]) => number) => ({
    title: panel,
    unit,
    zero: true,
    points: SWEEP_PLACES.flatMap((place) =>
      result.places[place].map((figures) => ({
        x: figures.layer,
        series: series(place),
        value: value(figures),
        low: value(figures),
        high: value(figures),
      })),
    ),
  });
  const panels = [
    ...measures.map((measure) => {
      const found = SWEEP_PLACES.flatMap((place) =>
        result.places[place].flatMap((figures) => {
          const accuracy = figures[measure];
          return accuracy === null ? [] : [{ x: figures.layer, series: series(place), ...accuracy }];
        }),
      );
      return {
        title: nameOf(measure, result.label),
        unit: 'share',
        zero: true,
        points: found.map(({ x, series: of, value, low, high }) => ({ x, series: of, value, low, high })),
        baseline: found.map(({ x, series: of, chance }) => ({ x, series: of, value: chance })),
      };
    }),
    plain('rho: cosine of the best constant', 'rho', ({ rho }) => rho),
    plain('norm / norm of embeddings', 'ratio', ({ normToEmbedding }) => normToEmbedding),
  ];
  const spec = profileFigure(panels, {
    title: `What every block holds: ${result.model}`,
    subtitle: [`${result.texts} texts of ${result.documents} documents`, 'whiskers: 95 % intervals over documents; dotted: chance'],
    axis: 'block',
    columns: 3,
    ticks:
      result.layers > 16
        ? Array.from({ length: Math.ceil(result.layers / 4) }, (_, at) => 4 * at)
        : Array.from({ length: result.layers }, (_, at) => at),
  });
  const figures = await writeFigure(join(folder, 'layers'), spec);
  const file = join(folder, 'sweep-layers.json');
  await writeFileAtomically(file, `${JSON.stringify({ ...result, machine: machineFacts() }, null, 1)}\n`);
  const page = join(folder, 'README.md');
  await writeFileAtomically(
    page,
    [
      `# Layers of ${result.model}`,
      '',
      `${result.texts} texts of ${result.documents} documents, all blocks read in one pass. Nothing is picked; K has to be chosen by somebody who knows what for.`,
      '',
      '![What every block holds](layers.svg)',
      '',
      ...sentences(result).map((line) => `- ${line}`),
      '',
      'The last token tells much by its identity alone, so it is held beside positions drawn from the rest of each text.',
      '',
      '```text',
      tables(result).join('\n\n'),
      '```',
      '',
      `Chance: mean over ${result.permutations} permutations of labels between documents. Probe: linear, by folds of documents. Numbers: [sweep-layers.json](sweep-layers.json).`,
      '',
    ].join('\n'),
  );
  return [page, file, ...figures];
}
