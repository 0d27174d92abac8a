import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NlaError } from '@nlakit/core';
import { namesIn, stableHash, writeFileAtomically } from '@nlakit/run';
import type { ExperimentConfig } from './experiment-config.js';

/** What an experiment committed itself to before it was measured. */
export interface Registered {
  readonly at: string;
  readonly sha256: string;
  readonly question: string;
  readonly hypothesis: string;
  readonly figure: string;
  readonly primary: ExperimentConfig['primary'];
}

/** `registered.json` in the folder of an experiment's runs. */
export interface Registration extends Registered {
  /** What was registered before, oldest first, if somebody changed it after something had been measured. */
  readonly amended: readonly Registered[];
}

/**
 * Notes question, figure, primary effect and threshold before anything is measured. Changed afterwards they are refused
 * (`E_EXPERIMENT_CHANGED`), or with `amend` kept beside what they were: a threshold chosen after the fact should look like one.
 */
export async function register(config: ExperimentConfig, runFolder: string, amend: boolean): Promise<Registration> {
  const file = join(runFolder, 'registered.json');
  const { question, hypothesis, figure, primary, reference, steps, evaluator } = config;
  const sha256 = stableHash({
    question,
    hypothesis,
    figure,
    primary,
    reference,
    steps,
    evaluator,
    arms: config.arms.map(({ id, x }) => ({ id, x })),
  });
  const before = await readRegistration(file);
  if (before?.sha256 === sha256) return before;
  const measured = await somethingMeasured(runFolder);
  if (before !== undefined && measured && !amend) {
    throw new NlaError('E_EXPERIMENT_CHANGED', {
      message: 'What this experiment asks has changed since it was registered, and something has been measured in between.',
      file,
      found: `${describe(config)}`,
      expected: `${describe(before)}, as registered ${before.at}`,
      fix: 'Undo the change, give the experiment another name, or say --amend: the change will be stated in the result.',
      kind: 'input',
    });
  }
  const { amended = [], ...last } = before ?? {};
  const registration: Registration = {
    at: new Date().toISOString(),
    sha256,
    question,
    hypothesis,
    figure,
    primary,
    amended: before !== undefined && measured ? [...amended, last as Registered] : [],
  };
  await writeFileAtomically(file, `${JSON.stringify(registration, null, 2)}\n`);
  return registration;
}

async function readRegistration(file: string): Promise<Registration | undefined> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Registration;
  } catch (cause) {
    throw new NlaError('E_EXPERIMENT_CHANGED', {
      message: 'The registration of this experiment cannot be read.',
      file,
      found: cause instanceof Error ? cause.message : String(cause),
      fix: 'Restore the file; nlakit writes it whole.',
      kind: 'input',
      cause,
    });
  }
}

async function somethingMeasured(runFolder: string): Promise<boolean> {
  for (const run of await namesIn(runFolder)) if ((await namesIn(join(runFolder, run, 'eval'))).length > 0) return true;
  return false;
}

function describe({ figure, primary }: Pick<Registered, 'figure' | 'primary'>): string {
  return `${figure}: ${JSON.stringify(primary)}`;
}
