import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from '../repository.js';

const execute = promisify(execFile);
const scripts = path.join(repositoryRoot, 'scripts', 'python');

/** A Python with the reference libraries. */
export interface Python {
  /** Versions by library, and of Python itself. */
  readonly versions: Readonly<Record<string, string>>;
  /** Runs a script of `scripts/python` on a job and resolves to its result; `environment` goes over this process's own. */
  run<Result>(script: string, job: unknown, environment?: Readonly<Record<string, string>>): Promise<Result>;
}

interface Environment {
  readonly python: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly missing: readonly string[];
}

/**
 * The Python that `NLAKIT_PYTHON` names, or `python3`, if it can import `needed`, or every library that the comparisons need; otherwise a
 * sentence that says what is missing.
 */
export async function findPython(needed?: readonly string[]): Promise<Python | string> {
  const command = process.env['NLAKIT_PYTHON'] ?? 'python3';
  const run: Python['run'] = (script, job, variables) => runScript(command, script, job, variables);
  let environment: Environment;
  try {
    environment = await run<Environment>('environment.py', needed === undefined ? {} : { needed });
  } catch (error) {
    return `NLAKIT_PYTHON or python3 does not run: ${error instanceof Error ? error.message : String(error)}`;
  }
  const { python, versions, missing } = environment;
  if (missing.length > 0) return `Python ${python} lacks ${missing.join(', ')}`;
  return { versions: { python, ...versions }, run };
}

async function runScript<Result>(
  command: string,
  script: string,
  job: unknown,
  environment: Readonly<Record<string, string>> = {},
): Promise<Result> {
  const folder = await mkdtemp(path.join(tmpdir(), 'nlakit-python-'));
  try {
    const [input, output] = [path.join(folder, 'job.json'), path.join(folder, 'result.json')];
    await writeFile(input, JSON.stringify(job));
    await execute(command, [path.join(scripts, script), input, output], {
      maxBuffer: 2 ** 26,
      // Nothing is to be fetched unless the caller says from where, and nothing to be left in the repository.
      env: { ...process.env, HF_HUB_OFFLINE: '1', PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1', ...environment },
    }).catch((cause: unknown) => {
      throw new Error(`${script} failed: ${lastWords(cause)}`, { cause });
    });
    return JSON.parse(await readFile(output, 'utf8')) as Result;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The last lines that a process wrote, or why it did not start. */
function lastWords(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const written = 'stderr' in cause && typeof cause.stderr === 'string' ? cause.stderr.trim() : '';
  return (written === '' ? cause.message : written).split('\n').slice(-3).join(' | ');
}
