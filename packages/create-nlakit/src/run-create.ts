import { relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { isNlaError, NlaError, type PluginKind } from '@nlakit/core';
import ownManifest from '../package.json' with { type: 'json' };
import { ask, type Answers } from './ask.js';
import { bundledModel, experimentProject } from './experiment-files.js';
import { checkExperimentName, checkPackageName, nameOfFolder } from './names.js';
import { pluginKinds, pluginProject } from './plugin-project.js';
import { writeNewFiles } from './write-new-files.js';

/** Where the command reads and writes. */
export interface CreateIo {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
  /** Whether a person can be asked. */
  readonly interactive: boolean;
  readonly cwd: string;
}

const help = `npm create nlakit [folder] [-- options]

Makes a new experiment, or a plugin with a working start and its conformance test.

  --experiment     an experiment: config, README
  --plugin <kind>  a plugin: ${pluginKinds.join(', ')}
  --name <name>    name of the experiment or of the package (default: that of the folder)
  --model <source> base model of an experiment: Hub id, folder or data package (default: ${bundledModel})
  --yes            ask nothing
  --json           print one JSON object
  --version, --help
`;

/** Runs `create-nlakit` with the arguments after the program's name and returns the exit code; never throws. */
export async function runCreate(args: readonly string[], io: CreateIo): Promise<number> {
  const json = args.includes('--json');
  try {
    const { values, positionals } = parse(args);
    if (values.help) io.out(help);
    else if (values.version) io.out(`${ownManifest.version}\n`);
    else await create(given(values, positionals), { json, yes: values.yes || json }, io);
    return 0;
  } catch (error) {
    const known = isNlaError(error);
    const code = known ? error.code : 'E_UNEXPECTED';
    const message = error instanceof Error ? error.message : String(error);
    if (json) io.out(`${JSON.stringify({ error: { code, message, ...(known ? { fix: error.details.fix } : {}) } })}\n`);
    io.error(`${code} ${message}\n`);
    if (code === 'E_INTERRUPTED') return 130;
    return known && error.details.kind === 'input' ? 2 : 1;
  }
}

async function create(
  start: Partial<Answers>,
  { json, yes }: { readonly json: boolean; readonly yes: boolean },
  io: CreateIo,
): Promise<void> {
  const answers = io.interactive && !yes ? await ask(start, io.cwd) : start;
  const { what } = answers;
  if (what === undefined) {
    throw new NlaError('E_USAGE', {
      message: 'It is not said what is wanted.',
      expected: `--experiment, or --plugin with one of ${pluginKinds.join(', ')}`,
      kind: 'input',
    });
  }
  const folder = resolve(io.cwd, answers.folder ?? (what === 'experiment' ? 'my-nla' : `nla-${what}`));
  const name =
    answers.name ?? (what === 'experiment' ? nameOfFolder(folder, 'experiment') : nameOfFolder(folder, `nla-${what}`).toLowerCase());
  if (what === 'experiment') checkExperimentName(name);
  else checkPackageName(name);
  const files = what === 'experiment' ? await experimentProject(name, answers.model ?? bundledModel) : await pluginProject(what, name);
  const written = await writeNewFiles(folder, files, 'Choose another folder.');
  const place = relative(io.cwd, folder);
  const next = [...(place === '' ? [] : [`cd ${place}`]), 'npm install', 'npm test', ...(what === 'experiment' ? ['npm start'] : [])];
  if (json) io.out(`${JSON.stringify({ what, folder, name, files: written })}\n`);
  else
    io.out(
      `${written.map((file) => `wrote ${relative(io.cwd, file)}`).join('\n')}\n\nNext:\n${next.map((line) => `  ${line}`).join('\n')}\n`,
    );
}

type Flags = ReturnType<typeof parse>['values'];

function given(values: Flags, positionals: readonly string[]): Partial<Answers> {
  const [folder, stranger] = positionals;
  if (stranger !== undefined) throw wrong('There is one folder.', stranger);
  if (values.experiment && values.plugin !== undefined)
    throw wrong('It is an experiment or a plugin.', `--experiment and --plugin ${values.plugin}`);
  if (values.plugin !== undefined && !isKind(values.plugin))
    throw wrong('There is no such kind of plugin.', values.plugin, pluginKinds.join(', '));
  if (values.plugin !== undefined && values.model !== undefined) throw wrong('Only an experiment has a model.', `--model ${values.model}`);
  const what = values.experiment ? 'experiment' : values.plugin;
  return {
    ...(folder === undefined ? {} : { folder }),
    ...(what === undefined ? {} : { what }),
    ...(values.name === undefined ? {} : { name: values.name }),
    ...(values.model === undefined ? {} : { model: values.model }),
  };
}

function isKind(name: string): name is PluginKind {
  return (pluginKinds as readonly string[]).includes(name);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        experiment: { type: 'boolean', default: false },
        plugin: { type: 'string' },
        name: { type: 'string' },
        model: { type: 'string' },
        yes: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        version: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (cause) {
    throw wrong(cause instanceof Error ? cause.message : String(cause), args.join(' '), 'see --help');
  }
}

function wrong(message: string, found: string, expected?: string): NlaError {
  return new NlaError('E_USAGE', { message, found, ...(expected === undefined ? {} : { expected }), kind: 'input' });
}
