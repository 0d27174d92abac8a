import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { experimentProject, pluginKinds, pluginProject, writeNewFiles } from './index.js';

const ownFolder = fileURLToPath(new URL('..', import.meta.url));

interface TestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** Every plugin template as a project of its own, beside each other, with this package's dependencies, which are the sources. */
// Whole projects are compiled and tested: minutes where other work keeps the machine busy.
describe('plugin templates', { timeout: 900_000 }, () => {
  let place: string;

  beforeAll(async () => {
    place = await mkdtemp(join(tmpdir(), 'nla-templates-'));
    await symlink(join(ownFolder, 'node_modules'), join(place, 'node_modules'));
    for (const kind of pluginKinds) await writeNewFiles(join(place, kind), await pluginProject(kind, `@me/nla-${kind}`), '');
  });
  afterAll(() => rm(place, { recursive: true, force: true }));

  it('typecheck as strictly as they ask for', async () => {
    const { config } = ts.readConfigFile(join(place, 'evaluator/tsconfig.json'), (file) => ts.sys.readFile(file)) as { config: object };
    const { options } = ts.convertCompilerOptionsFromJson((config as { compilerOptions: object }).compilerOptions, place);
    const files = (await Promise.all(pluginKinds.map((kind) => sourcesOf(join(place, kind, 'src'))))).flat();
    const program = ts.createProgram(files, { ...options, customConditions: ['@nlakit/source'] });
    const own = ts.getPreEmitDiagnostics(program).filter(({ file }) => file === undefined || file.fileName.startsWith(place));
    expect(own.map(({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`)).toEqual([]);
  });

  it('pass their own tests and the conformance suite of their kind', async () => {
    const conditions = ['@nlakit/source', 'node', 'import', 'default'];
    // The files of all projects see the same packages, which are loaded once.
    const test = { include: ['*/src/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000, isolate: false };
    const config = { resolve: { conditions }, ssr: { resolve: { conditions } }, test };
    await writeFile(join(place, 'vitest.config.mjs'), `export default ${JSON.stringify(config)};\n`);
    const vitest = join(ownFolder, 'node_modules/vitest/vitest.mjs');
    const report = join(place, 'report.json');
    const run = [vitest, 'run', '--root', place, '--reporter', 'json', '--outputFile', report];
    const ended = await promisify(execFile)(process.execPath, run, { cwd: place, env: { ...process.env, VITEST: undefined } }).catch(
      (error: { stdout: string; stderr: string }) => error,
    );
    const { testResults } = JSON.parse(
      await readFile(report, 'utf8').catch(() => {
        throw new Error(`${ended.stdout}${ended.stderr}`);
      }),
    ) as TestReport;
    const failed = testResults.flatMap(({ name, assertionResults }) =>
      assertionResults
        .filter(({ status }) => status === 'failed')
        .map(({ fullName, failureMessages }) => `${name.slice(place.length)} ${fullName}: ${failureMessages[0]?.split('\n')[0] ?? ''}`),
    );
    expect(failed).toEqual([]);
    for (const kind of pluginKinds) {
      const conformance = testResults.find(({ name }) => name.endsWith(join(kind, 'src/conformance.test.ts')));
      expect(conformance?.assertionResults.filter(({ status }) => status === 'passed').length, kind).toBeGreaterThan(6);
    }
  });

  it('name only packages that this one knows a version of', async () => {
    const { dependencies, devDependencies } = JSON.parse(await readFile(join(ownFolder, 'package.json'), 'utf8')) as Manifest;
    const known = new Set(Object.keys({ ...dependencies, ...devDependencies }));
    for (const kind of pluginKinds) {
      const manifest = JSON.parse(await readFile(join(place, kind, 'package.json'), 'utf8')) as Manifest;
      const named = new Set(Object.keys({ ...manifest.dependencies, ...manifest.devDependencies, ...manifest.peerDependencies }));
      expect(
        [...named].filter((name) => !known.has(name)),
        kind,
      ).toEqual([]);
      // Package managers accept a range there, no tag.
      expect(Object.values(manifest.peerDependencies ?? {}), kind).not.toContain('latest');
      const sources = await sourcesOf(join(place, kind, 'src'));
      const text = (await Promise.all(sources.map((file) => readFile(file, 'utf8')))).join('\n');
      const imported = [...text.matchAll(/(?:from|import) '((?:@[^/']+\/)?[^./'][^/']*)/g)].map(([, name = '']) => name);
      expect(
        imported.filter((name) => !name.startsWith('node:') && !named.has(name)),
        kind,
      ).toEqual([]);
    }
  });
});

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

describe('the experiment template', () => {
  it('is a project that installs the command line and checks its config', async () => {
    const files = await experimentProject('Mine', 'google/gemma-4-E2B');
    expect(JSON.parse(files['package.json'] ?? '')).toMatchObject({ name: 'mine', scripts: { test: 'nla validate nla.config.yaml' } });
    expect(files['nla.config.yaml']).toContain('source: "google/gemma-4-E2B"');
    expect(files['nla.config.yaml']).not.toMatch(/\{\{|acknowledgeGuard/);
    expect(Object.keys(files)).toContain('.gitignore');
  });
});

async function sourcesOf(folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  return (await readdir(folder)).filter((name) => name.endsWith('.ts')).map((name) => join(folder, name));
}
