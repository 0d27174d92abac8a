import { readFile, readdir, stat } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { NlaError } from '@nlakit/core';
import { recheck as recheckResult, type Recheck } from '@nlakit/recheck';
import { alignColumns } from '../align-columns.js';
import { usage, type CommandContext } from '../command-context.js';

/** `nla recheck`: computes stored summaries from their rows again. Exit code 1 if a number does not come out. */
export async function recheck(context: CommandContext, _options: unknown, path = ''): Promise<number> {
  const { io, log } = context;
  const target = resolve(io.cwd, path);
  const files = await resultFiles(target, path);
  const found: (Recheck & { readonly file: string })[] = [];
  for (const [done, file] of files.entries()) {
    log.progress({ task: 'recheck', done, total: files.length, unit: 'files' });
    const result = recheckResult(await readJson(file));
    if (result !== undefined) found.push({ file: relative(io.cwd, file), ...result });
  }
  if (found.length === 0)
    throw usage('The path', path, 'an evaluation (eval/<id>/step_….json), an experiment.json, or a folder that holds some');
  const ok = found.every(({ differences }) => differences.length === 0);
  context.print({ ok, files: found }, () =>
    [
      alignColumns(
        [
          ['file', 'what', 'rows', 'computed', 'differ', 'not in the rows'],
          ...found.map(({ file, kind, rows, checked, differences, notComputed }) => [
            file,
            kind,
            String(rows),
            String(checked),
            String(differences.length),
            String(notComputed.length),
          ]),
        ],
        2,
      ),
      ...found.flatMap(({ file, differences }) =>
        differences.map(
          ({ path: at, stored, computed }) => `${file}: ${at} is ${JSON.stringify(stored)}, the rows give ${JSON.stringify(computed)}`,
        ),
      ),
    ].join('\n'),
  );
  return ok ? 0 : 1;
}

/** The file itself, or the evaluations and `experiment.json` files below a folder. */
async function resultFiles(target: string, shown: string): Promise<string[]> {
  const facts = await stat(target).catch(() => undefined);
  if (facts === undefined) throw usage('The path', shown, 'an existing file or folder');
  if (facts.isFile()) return [target];
  const names = await readdir(target, { recursive: true });
  return names
    .filter((name) => /(^|[/\\])(experiment|step_\d+)\.json$/.test(name))
    .sort()
    .map((name) => join(target, name));
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as unknown;
  } catch (cause) {
    throw new NlaError('E_RECHECK', {
      message: 'The file is no JSON.',
      file,
      found: cause instanceof Error ? cause.message : String(cause),
      kind: 'input',
      cause,
    });
  }
}
