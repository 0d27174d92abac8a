import { runConfigSchema } from '@nlakit/run';
import * as z from 'zod';
import { escapeProse, inlineCode, table } from './markdown.js';
import { optionComments } from './option-docs.js';
import { generated, type Page } from './page.js';
import type { PluginPackage } from './plugin-pages.js';

/** What each seam is for; a new one without a text is an error of the build. */
const seams: Readonly<Record<string, string>> = {
  backend: 'The tensor engine. `auto`, or nothing, takes the fastest that is installed and passes its self-test.',
  quantizer: 'How the frozen weights are kept. Without one they stay f32.',
  model: 'The target model: the one whose activations are read, and that both adapters stand on.',
  injector: 'How a vector gets into the AV’s prompt, and the guard of its scale.',
  dataset: 'Training and held-out rows.',
  labeler: 'Who writes the explanations of a dataset that is made from a corpus.',
  trainer: 'Training of one role, under `trainers.ar` or `trainers.av`.',
  evaluator: 'What is measured at each checkpoint. Any number of them, each with an `id` that names its folder.',
  publisher: 'Where a release goes.',
};

/** The reference of a config's slots, and the plugins that can fill them. */
export function configPage(plugins: readonly PluginPackage[]): Page {
  const json = z.toJSONSchema(runConfigSchema, { io: 'input', unrepresentable: 'any' }) as {
    properties: Record<string, unknown>;
    required: string[];
  };
  const comments = optionComments('packages/run');
  const rows = Object.keys(json.properties).map((key) => [
    inlineCode(key),
    json.required.includes(key) ? '**required**' : '',
    escapeProse(meaningOf(key, comments)),
  ]);
  const kinds = [...new Set([...Object.keys(seams), ...plugins.map(({ plugin }) => plugin.kind)])];
  const body = [
    '# Config',
    'An experiment is one YAML file, or a `nla.config.ts` whose default export is made by `defineRun` of `@nlakit/run`, with the same keys. `nla init` writes one, `nla validate` checks it: it loads every plugin, validates every option with line and column, and compares the memory plan with the machine, without loading weights.',
    '```yaml config\n' + example + '```',
    'A slot names a plugin by module specifier, resolved from the config’s folder: `"@scope/package"`, `"package#export"`, `./file.ts#export`. Without `#` the export is called `plugin`. Paths in options are relative to the config.',
    '## Keys',
    table(['key', '', 'holds'], rows),
    'A value can be overridden for one command by `--set trainers.av.options.steps=200`; the override is recorded in `run.json`.',
    '## Seams and their plugins',
    ...kinds.map((kind) => {
      const text = seams[kind];
      if (text === undefined) throw new Error(`docs/generate/config-page.ts: say what a ${kind} is for.`);
      const mine = plugins.filter(({ plugin }) => plugin.kind === kind);
      const list = mine
        .map((one) => `- [${inlineCode(one.name)}](/reference/${one.folder}#all-options): ${escapeProse(one.description)}`)
        .join('\n');
      return `### ${kind}\n\n${escapeProse(text)}\n\n${list === '' ? 'None is bundled.' : list}`;
    }),
  ].join('\n\n');
  return { file: 'reference/config.md', text: generated('Config', 'packages/run/src/run-config.ts and the plugins', body) };
}

const example = `schema: 1
name: my-experiment
seed: 0
backend: { use: auto }
quantizer: { use: '@nlakit/quantizer-nf4', options: { blockSize: 64, doubleQuant: true } }
model: { use: '@nlakit/model-gemma4', options: { source: '@nlakit/tiny-gemma4', layer: 5 } }
injector: { use: '@nlakit/injector-embedding', options: { scale: sqrt_d_model } }
dataset: { use: '@nlakit/dataset-wordnet', options: { rowsPerTopic: 200, heldOutPerTopic: 20 } }
trainers:
  ar: { use: '@nlakit/trainer-ar-sft', options: { steps: 150, saveEvery: 150 } }
  av: { use: '@nlakit/trainer-av-sft', options: { steps: 150, saveEvery: 50, acknowledgeGuard: true } }
evaluators:
  - { id: h5, use: '@nlakit/evaluator-h5', options: { rows: 96 } }
publisher: { use: '@nlakit/publisher-directory', options: { to: ./published } }
`;

function meaningOf(key: string, comments: ReadonlyMap<string, string>): string {
  const own: Readonly<Record<string, string>> = {
    schema: 'Version of this format: `1`.',
    name: 'What the experiment is called: the run folder, `runs/<name>`, the report and the card bear it.',
    seed: 'Every random stream of the run comes from it. Default `0`.',
    trainers: '`ar` and `av`, a slot each. Leave one out to train the other alone.',
    evaluators: 'A list of slots, each with an `id`.',
  };
  return own[key] ?? seams[key] ?? comments.get(key) ?? '';
}
