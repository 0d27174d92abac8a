import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { LoraSpec } from '@nlakit/core';
import { attach, createLora, exactTargets, readAdapter, writeAdapter, type Linears } from '@nlakit/lora';
import { describeGemma4 } from '@nlakit/model-gemma4';
import { createSeedStreams } from '@nlakit/run';
import { maxAbsolute, type Comparison } from '../comparison.js';
import { tolerances } from '../comparisons/references.js';
import { fixture, tinyConfig } from '../fixtures.js';
import { goldenFloats, maxDifference, type GoldenTensor } from '../numbers.js';
import { goldenIds, logitsOf, passOver } from '../tiny-model.js';
import type { Lab } from './lab.js';
import { openFolderModel, textOnlyConfig, textOnlyFolder } from './model-folder.js';
import { trainedRun } from './trained-run.js';

/** A base model on both sides. */
interface Base {
  /** Resolves to its folder. */
  folder(lab: Lab): Promise<string>;
  /** Its linears, for random adapters. */
  readonly linears: Linears;
}

const wrapped: Base = {
  folder: () => Promise.resolve(fixture('model', 'gemma4-tiny')),
  linears: describeGemma4(tinyConfig(), 'model.language_model.').linears,
};
const textOnly: Base = { folder: textOnlyFolder, linears: describeGemma4(textOnlyConfig(), 'model.').linears };

/** An adapter that this toolkit wrote. */
interface WrittenAdapter {
  readonly name: string;
  readonly base: Pick<Base, 'folder'>;
  /** Writes it, if it is not there yet. Resolves to the folder and, within it, the subfolder. */
  write(lab: Lab): Promise<{ readonly adapter: string; readonly subfolder?: string }>;
}

const everyLinear = 'q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj';
/** What the trainers adapt if nothing else is said. */
const trainersTargets = `(?:model\\.language_model|model)\\.layers\\.\\d+\\.(?:self_attn|mlp)\\.(?:${everyLinear})`;
const plain = { rank: 4, alpha: 8, dropout: 0, rankStabilized: false } as const;

/** An adapter with random matrices, B as well. */
function random(name: string, base: Base, spec: Partial<LoraSpec> & Pick<LoraSpec, 'targets'>): WrittenAdapter {
  return {
    name,
    base,
    write: (lab) =>
      lab.once(`adapter ${name}`, async () => {
        const stream = createSeedStreams(5).stream(name);
        const host = createLora({ ...plain, ...spec }, base.linears, stream);
        for (const { b } of host.pairs.values()) b.data.forEach((_, index) => (b.data[index] = 0.1 * stream.normal()));
        const adapter = lab.place('written', name.replace(/\W+/g, '-'));
        await mkdir(adapter, { recursive: true });
        await writeAdapter(adapter, { ...host, baseModel: 'example-org/gemma4-tiny' });
        return { adapter };
      }),
  };
}

const queries = ['0', '2', '5'].map((layer) => `model.language_model.layers.${layer}.self_attn.q_proj`);

/** All adapters that PEFT is given. */
const writtenAdapters: readonly WrittenAdapter[] = [
  random('wrapper class, list of path ends', wrapped, { targets: everyLinear.split('|') }),
  random("wrapper class, the trainers' expression, rank-stabilised", wrapped, {
    targets: trainersTargets,
    rank: 3,
    alpha: 5,
    rankStabilized: true,
  }),
  random('wrapper class, expression for exact paths', wrapped, { targets: exactTargets(queries), rank: 1, alpha: 2.5 }),
  random('wrapper class, projections of the per-layer path', wrapped, {
    targets: ['per_layer_input_gate', 'per_layer_projection', 'per_layer_model_projection'],
  }),
  random('text-only class, list of path ends, rank-stabilised', textOnly, {
    targets: ['q_proj', 'down_proj'],
    rankStabilized: true,
  }),
  random("text-only class, the trainers' expression", textOnly, { targets: trainersTargets, rank: 8, alpha: 16 }),
  {
    name: 'trained by `nla run` on the bundled model, by subfolder',
    base: { folder: async (lab) => (await trainedRun(lab)).modelFolder },
    write: async (lab) => {
      const { folder, subfolder } = await trainedRun(lab);
      return { adapter: folder, subfolder };
    },
  },
];

/** An adapter that PEFT makes. */
interface SavedAdapter {
  readonly name: string;
  readonly base: Base;
  readonly targets: string | readonly string[];
  readonly rank: number;
  readonly alpha: number;
  readonly rankStabilized: boolean;
}

const savedAdapters: readonly SavedAdapter[] = [
  {
    name: 'wrapper class, expression, rank-stabilised',
    base: wrapped,
    targets: '.*language_model\\..*\\.(q_proj|v_proj|down_proj)',
    rank: 6,
    alpha: 9,
    rankStabilized: true,
  },
  { name: 'wrapper class, list', base: wrapped, targets: everyLinear.split('|'), rank: 2, alpha: 16, rankStabilized: false },
  {
    name: 'text-only class, expression with numbers',
    base: textOnly,
    targets: 'model\\.layers\\.[0-3]\\.(self_attn|mlp)\\.\\w+_proj',
    rank: 5,
    alpha: 5,
    rankStabilized: false,
  },
  {
    name: 'text-only class, list, rank-stabilised',
    base: textOnly,
    targets: ['o_proj', 'up_proj'],
    rank: 4,
    alpha: 4,
    rankStabilized: true,
  },
];

interface Loaded {
  readonly base: GoldenTensor;
  readonly logits: GoldenTensor;
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  readonly changed: readonly string[];
  readonly tensors: number;
  readonly warnings: readonly string[];
  readonly modelClass: string;
}
interface Saved {
  readonly logits: GoldenTensor;
  readonly tensors: number;
}
interface Outcome {
  readonly load: Readonly<Record<string, Loaded>>;
  readonly save: Readonly<Record<string, Saved>>;
}

const input = passOver(goldenIds);
const savedFolder = (lab: Lab, { name }: SavedAdapter): string => lab.place('saved', name.replace(/\W+/g, '-'));

/** Adapters written here in the real PEFT, and adapters that PEFT has just saved here. */
export function adapterComparisons(lab: Lab): Comparison[] {
  const reference = `peft ${lab.python.versions['peft']}, transformers ${lab.python.versions['transformers']}`;
  const common = { group: 'python: PEFT', reference } as const;
  const outcome = (): Promise<Outcome> =>
    lab.once('PEFT', async () => {
      const load = [];
      for (const one of writtenAdapters) load.push({ name: one.name, model: await one.base.folder(lab), ...(await one.write(lab)) });
      const save = [];
      for (const one of savedAdapters) {
        const { name, base, ...settings } = one;
        save.push({ name, ...settings, model: await base.folder(lab), out: savedFolder(lab, one), seed: 3 });
      }
      return lab.python.run<Outcome>('adapters.py', { ids: [...goldenIds], load, save });
    });
  const loaded = async (name: string): Promise<Loaded> => need((await outcome()).load[name]);

  return [
    ...writtenAdapters.flatMap((one): Comparison[] => [
      {
        ...common,
        comparison: `loads without a word: ${one.name}`,
        quantity: 'tensors missing, unexpected or changed, warnings',
        tolerance: 0,
        place: 'host',
        async run() {
          const { missing, unexpected, changed, warnings, tensors, modelClass } = await loaded(one.name);
          const complaints = [...missing, ...unexpected, ...changed, ...warnings];
          return { maxError: complaints.length, note: [`${tensors} tensors on ${modelClass}`, ...complaints].join('; ') };
        },
      },
      {
        ...common,
        comparison: `changes the output: ${one.name}`,
        quantity: '1 if the logits are those of the base',
        tolerance: 0,
        place: 'host',
        async run() {
          const { base, logits } = await loaded(one.name);
          const moved = maxDifference(goldenFloats(logits), goldenFloats(base));
          return { maxError: moved > 100 * tolerances.logits ? 0 : 1, note: `largest change of a logit ${moved.toPrecision(3)}` };
        },
      },
      {
        ...common,
        comparison: `logits: ${one.name}`,
        quantity: maxAbsolute,
        tolerance: tolerances.logits,
        place: 'backend',
        async run() {
          const expected = goldenFloats((await loaded(one.name)).logits);
          const { adapter, subfolder = '.' } = await one.write(lab);
          return { maxError: maxDifference(await adaptedLogits(await one.base.folder(lab), path.join(adapter, subfolder)), expected) };
        },
      },
    ]),
    ...savedAdapters.map((one): Comparison => ({
      ...common,
      comparison: `logits of an adapter that PEFT has just saved: ${one.name}`,
      quantity: maxAbsolute,
      tolerance: tolerances.logits,
      place: 'backend',
      async run() {
        const { logits, tensors } = need((await outcome()).save[one.name]);
        const maxError = maxDifference(await adaptedLogits(await one.base.folder(lab), savedFolder(lab, one)), goldenFloats(logits));
        return { maxError, note: `${tensors} tensors` };
      },
    })),
  ];
}

/** Logits with an adapter folder on a base; every name in the folder is held against the model's linears. */
export async function adaptedLogits(baseFolder: string, folder: string): Promise<Float32Array> {
  const model = await openFolderModel(baseFolder);
  try {
    const attached = attach(await readAdapter(folder, model.spec.linears));
    model.adapt(attached.adapter);
    const logits = await logitsOf(model, input);
    attached.dispose();
    return logits;
  } finally {
    model.dispose();
  }
}

function need<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('Python gave no result of that name');
  return value;
}
