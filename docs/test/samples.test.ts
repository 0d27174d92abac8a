import { mkdtemp, mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runConfigSchema } from '@nlakit/run';
import { CommanderError, type Command } from 'commander';
import { runCli, type CliIo } from 'nlakit';
import { describe, expect, it } from 'vitest';
import YAML from 'yaml';
import { commandsOf, silentProgram } from '../generate/cli-page.js';
import { codeSamples, nlaCalls } from '../generate/code-samples.js';
import { readRepositoryFile, repositoryFolder, workspacePackages } from '../generate/repository.js';
import { writtenPages } from '../generate/read-pages.js';
import { typecheck } from './typecheck.js';

/** Pages of the site, and the READMEs that it shows. */
const pages = [
  ...writtenPages().map(({ file, text }) => ({ file: `docs/${file}`, text })),
  ...['README.md', ...workspacePackages().map(({ folder }) => `${folder}/README.md`)].flatMap((file) => {
    try {
      return [{ file, text: readRepositoryFile(file) }];
    } catch {
      return [];
    }
  }),
];

const samples = pages.flatMap(({ file, text }) => codeSamples(text).map((sample) => ({ ...sample, file })));
const ofSite = samples.filter(({ file }) => file.startsWith('docs/'));

/** What commander says against a call; nothing if it would run. */
async function complaint(args: readonly string[]): Promise<string | undefined> {
  try {
    await quietly(silentProgram()).parseAsync([...args], { from: 'user' });
    return undefined;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode !== 0) return error.message;
    if (error instanceof CommanderError) return undefined;
    throw error;
  }
}

function quietly(program: Command): Command {
  for (const command of [program, ...commandsOf(program).map(({ command }) => command)]) {
    command.exitOverride().configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  }
  return program;
}

describe('shell samples', () => {
  const calls = samples
    .filter(({ language }) => ['sh', 'bash', 'shell'].includes(language))
    .flatMap(({ file, line, code }) => nlaCalls(code).map((args) => ({ at: `${file}:${String(line)}`, args })));

  it('are commands that the command line takes', async () => {
    expect(calls.length).toBeGreaterThan(40);
    const wrong: string[] = [];
    for (const { at, args } of calls) {
      const message = await complaint(args);
      if (message !== undefined) wrong.push(`${at}: nla ${args.join(' ')}: ${message}`);
    }
    expect(wrong).toEqual([]);
  });

  it('would be found if they were not', async () => {
    expect(await complaint(['eval', 'runs/mine', '--evaluater', 'h5'])).toMatch(/--evaluater/);
    expect(await complaint(['evaluate', 'runs/mine'])).toMatch(/evaluate/);
    expect(await complaint(['publish', 'runs/mine'])).toMatch(/--to/);
  });
});

describe('config samples', () => {
  const keys = new Set(Object.keys(runConfigSchema.shape));
  const base = YAML.parse(ofSite.find(({ about }) => about === 'config')?.code ?? '') as Record<string, unknown>;
  const configs = ofSite
    .filter(({ language }) => language === 'yaml')
    .flatMap((sample) => {
      const value = YAML.parse(sample.code) as Record<string, unknown>;
      if (sample.about === 'config') return [{ ...sample, value }];
      // A part of a config stands for the whole with the rest of the tutorial's.
      return Object.keys(value).every((key) => keys.has(key)) ? [{ ...sample, value: { ...base, ...value } }] : [];
    });

  it('are valid, with the plugins of their page', { timeout: 120_000 }, async () => {
    expect(configs.length).toBeGreaterThan(6);
    const wrong: string[] = [];
    for (const { file, line, value } of configs) {
      const issues = await validate(value, files(file));
      if (issues.length > 0) wrong.push(`${file}:${String(line)}: ${issues.join('; ')}`);
    }
    expect(wrong).toEqual([]);
  });

  it('would be found if they were not', async () => {
    const issues = await validate({ ...base, evaluators: [{ id: 'h5', use: '@nlakit/evaluator-h5', options: { rowz: 1 } }] }, []);
    expect(issues.join()).toMatch(/rowz/);
  });
});

describe('TypeScript samples of the site', () => {
  it('typecheck', { timeout: 120_000 }, () => {
    const sources = ofSite
      .filter(({ language }) => language === 'ts')
      .map(({ file, line, about, code }) => ({ name: `${file}:${String(line)}`, code, ...fileOf(about) }));
    expect(sources.length).toBeGreaterThan(3);
    const wrong = "import { cosine } from '@nlakit/metrics';\nexport const wrong: string = cosine([1], [1]);";
    const found = typecheck([...sources, { name: 'wrong', code: wrong }]);
    expect(found.filter((one) => !one.startsWith('wrong'))).toEqual([]);
    expect(found.filter((one) => one.startsWith('wrong'))).toHaveLength(1);
  });
});

/** The file that a sample says it is: ```ts [name.ts]. */
function fileOf(about: string): { readonly file?: string } {
  const file = /^\[([\w.-]+\.ts)\]$/.exec(about)?.[1];
  return file === undefined ? {} : { file };
}

/** Named TypeScript files of a page. */
function files(page: string): readonly { readonly name: string; readonly code: string }[] {
  return samples.flatMap(({ file, about, code }) => {
    const { file: name } = fileOf(about);
    return file === page && name !== undefined ? [{ name, code }] : [];
  });
}

/** What `nla validate` says against a config in a folder with these files; weights and data that are not here do not count. */
async function validate(config: unknown, sources: readonly { readonly name: string; readonly code: string }[]): Promise<readonly string[]> {
  const parent = path.join(repositoryFolder, 'docs/node_modules/.samples');
  await mkdir(parent, { recursive: true });
  // Below docs/, so that the packages that samples import are found.
  const folder = sources.length === 0 ? await mkdtemp(path.join(tmpdir(), 'nla-docs-')) : await mkdtemp(path.join(parent, 'page-'));
  await Promise.all(sources.map(({ name, code }) => writeFile(path.join(folder, name), code)));
  await writeFile(path.join(folder, 'nla.config.yaml'), YAML.stringify(config));
  let out = '';
  const io: CliIo = {
    out: (text) => (out += text),
    error: () => undefined,
    terminal: false,
    interactive: false,
    color: false,
    columns: 100,
    cwd: folder,
    signal: new AbortController().signal,
  };
  await runCli(['validate', 'nla.config.yaml', '--json'], io);
  const { issues = [], error } = JSON.parse(out) as {
    issues?: { code: string; message: string }[];
    error?: { code: string; message: string };
  };
  return (
    [...issues, ...(error === undefined ? [] : [error])]
      // Models and devices that a page speaks of need not be on this machine.
      .filter(({ code }) => code !== 'E_MODEL_SOURCE' && code !== 'E_BACKEND_UNAVAILABLE')
      .map(({ code, message }) => `${code} ${message}`)
  );
}
