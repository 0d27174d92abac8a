import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { conformanceCases, runConformance, writeConformanceReport, type CommonFixtures, type ConformanceReport } from '@nlakit/conformance';
import { NlaError } from '@nlakit/core';
import { loadPlugin } from '@nlakit/run';
import { parse } from 'yaml';
import { usage, type CommandContext } from '../command-context.js';

interface ConformanceOptions {
  readonly options?: string;
  readonly fixtures?: string;
  readonly out?: string;
}

/** `nla conformance`: the suite of a plugin's kind. Exit code 1 if a case fails. */
export async function conformance(context: CommandContext, options: ConformanceOptions, use = ''): Promise<number> {
  const { io, host, log } = context;
  const { plugin } = await loadPlugin(use, undefined, { folder: io.cwd, ...host });
  const stated = options.options === undefined ? {} : { options: await readOptions(resolve(io.cwd, options.options)) };
  const own = options.fixtures === undefined ? {} : await importFixtures(resolve(io.cwd, options.fixtures));
  const total = conformanceCases(plugin).length;
  let done = 0;
  const report = await runConformance(
    plugin,
    { baseFolder: io.cwd, ...own, ...stated },
    {
      signal: io.signal,
      onCase: ({ name }) => {
        done += 1;
        log.progress({ task: 'conformance', done, total, unit: 'cases', figures: { case: name } });
      },
    },
  );
  if (options.out !== undefined) await writeConformanceReport(resolve(io.cwd, options.out), report);
  context.print(report, () => describeReport(report));
  return report.ok ? 0 : 1;
}

async function readOptions(file: string): Promise<object> {
  let value: unknown;
  try {
    value = parse(await readFile(file, 'utf8')) ?? {};
  } catch (cause) {
    throw new NlaError('E_OPTION', {
      message: 'The options cannot be read.',
      file,
      found: cause instanceof Error ? cause.message : String(cause),
      expected: 'a file of YAML or JSON',
      kind: 'input',
      cause,
    });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw usage('--options', JSON.stringify(value), 'a mapping of options');
  return value;
}

async function importFixtures(file: string): Promise<CommonFixtures> {
  let loaded: { readonly fixtures?: unknown; readonly default?: unknown };
  try {
    loaded = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as typeof loaded;
  } catch (cause) {
    throw new NlaError('E_PLUGIN_LOAD', {
      message: `The fixtures cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      file,
      fix: 'Name a module of JavaScript that exports `fixtures`.',
      kind: 'input',
      cause,
    });
  }
  const fixtures = loaded.fixtures ?? loaded.default;
  if (typeof fixtures !== 'object' || fixtures === null)
    throw usage('--fixtures', `exports ${Object.keys(loaded).join(', ') || 'nothing'}`, 'an object exported as `fixtures`');
  return fixtures;
}

function describeReport({ plugin, level, passed, failed, skipped, cases, findings }: ConformanceReport): string {
  const notable = cases.filter(({ outcome }) => outcome !== 'passed');
  return [
    ...notable.map(({ outcome, level: of, name, reason = '' }) => `${outcome.padEnd(7)}  L${of} ${name}\n${indent(reason)}`),
    ...findings.map(({ kind, message }) => `${kind}: ${message}`),
    `${plugin.name} ${plugin.version} (${plugin.kind}): level ${level}; ${passed} cases passed, ${failed} failed, ${skipped} skipped`,
  ].join('\n');
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `           ${line}`)
    .join('\n');
}
