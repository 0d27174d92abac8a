import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NlaError, type HostTensor, type JsonValue, type RandomState, type TrainerState } from '@nlakit/core';
import { openSafetensors, writeSafetensors } from '@nlakit/safetensors';
import { namesIn, removeFolder, sha256File, writeFileAtomically, writeFolderAtomically } from './file-writing.js';
import { stepName, stepOfName } from './run-layout.js';

/** An engine that trained a part of a run. */
export interface BackendStretch {
  /** Step after which it took over; 0 for the first one. */
  readonly afterStep: number;
  /** Name and version of the plugin. */
  readonly backend: string;
  /** The backend's own description of engine, build and machine. */
  readonly engine: string;
}

interface StateFile {
  readonly step: number;
  readonly reason: 'save' | 'interrupt';
  readonly runHash: string;
  /** sha256 of the dataset split trained on; the data must not change between the two halves of a run. */
  readonly dataSha256: string | null;
  /** What it was trained on so far, in order. */
  readonly backends: readonly BackendStretch[];
  readonly streams: Readonly<Record<string, RandomState>>;
  readonly cursor: JsonValue;
}

/** A state to resume from, as read. */
export interface ResumeState {
  readonly state: TrainerState;
  readonly reason: 'save' | 'interrupt';
  readonly dataSha256: string | null;
  readonly backends: readonly BackendStretch[];
}

const tensorFile = 'state.safetensors';
const stateFile = 'state.json';
/** In the form of `sha256sum`, which can check it. */
const sumsFile = 'SHA256SUMS';

/**
 * Writes `step_N/` below `folder`: tensors, streams and cursor, and the hashes of both files. Then removes states no longer needed: the
 * newest and those of the last `keep` saves stay, so that a damaged one does not cost the whole training. Throws `E_WRITE`.
 */
export async function writeResumeState(
  folder: string,
  state: TrainerState,
  about: Pick<StateFile, 'reason' | 'runHash' | 'dataSha256' | 'backends'>,
  keep: number,
): Promise<void> {
  await writeFolderAtomically(join(folder, stepName(state.step)), async (temporary) => {
    await writeSafetensors(join(temporary, tensorFile), state.tensors);
    const file: StateFile = { step: state.step, ...about, streams: state.streams, cursor: state.cursor };
    await writeFileAtomically(join(temporary, stateFile), `${JSON.stringify(file)}\n`);
    const sums = await Promise.all([stateFile, tensorFile].map(async (name) => `${await sha256File(join(temporary, name))}  ${name}\n`));
    await writeFileAtomically(join(temporary, sumsFile), sums.join(''));
  });
  const steps = await resumeSteps(folder);
  const saves: number[] = [];
  for (const step of steps) if ((await reasonOf(folder, step)) === 'save') saves.push(step);
  const kept = new Set([state.step, ...saves.filter((step) => step <= state.step).slice(-keep)]);
  for (const step of steps) if (!kept.has(step)) await removeFolder(join(folder, stepName(step)));
}

/** The steps that have a state to resume from, ascending. */
async function resumeSteps(folder: string): Promise<number[]> {
  return (await namesIn(folder)).map(stepOfName).filter((step) => step !== undefined);
}

/**
 * The newest state below `folder`, or that of the step `from` (0: none, training begins anew); undefined where there is none.
 * Throws `E_RESUME` if it belongs to another run or any byte of it is not as it was written, with the earlier steps that are whole.
 * Nothing falls back to one of those unless `from` says so; the states after `from` are removed then.
 */
export async function readResumeState(folder: string, runHash: string, from?: number): Promise<ResumeState | undefined> {
  const steps = await resumeSteps(folder);
  const step = from ?? steps.at(-1);
  if (step === undefined) return undefined;
  if (step !== 0 && !steps.includes(step)) {
    throw new NlaError('E_RESUME', {
      message: `There is no state of step ${step} to resume from.`,
      file: folder,
      found: steps.length === 0 ? 'no states' : `states of steps ${steps.join(', ')}`,
      fix: 'Name one of these; 0 begins anew.',
      kind: 'input',
    });
  }
  const found = step === 0 ? undefined : await readState(folder, step, runHash);
  if (found !== undefined && 'problem' in found) throw await damaged(folder, step, steps, runHash, found);
  if (from !== undefined) {
    for (const later of steps) if (later > from) await removeFolder(join(folder, stepName(later)));
  }
  return found;
}

/** Looks at the newest state below `folder` without using it. Throws `E_RESUME` as {@link readResumeState} does. */
export async function checkResumeState(folder: string, runHash: string): Promise<void> {
  const steps = await resumeSteps(folder);
  const step = steps.at(-1);
  if (step === undefined) return;
  const found = await readState(folder, step, runHash);
  if ('problem' in found) throw await damaged(folder, step, steps, runHash, found);
}

interface StateProblem {
  readonly file: string;
  readonly problem: string;
  readonly cause?: unknown;
}

async function readState(folder: string, step: number, runHash: string): Promise<ResumeState | StateProblem> {
  const place = join(folder, stepName(step));
  const problem = await hashProblem(place);
  if (problem !== undefined) return problem;
  const path = join(place, stateFile);
  const file = await readStateFile(path);
  if ('problem' in file) return file;
  if (file.runHash !== runHash) return { file: path, problem: `a state of another run, ${file.runHash}` };
  if (file.step !== step) return { file: path, problem: `a state of step ${file.step}` };
  const tensors = new Map<string, HostTensor | { readonly shape: readonly number[]; readonly data: Uint8Array }>();
  const stored = await openSafetensors(join(place, tensorFile));
  try {
    for (const [name, { dtype, shape }] of stored.tensors) {
      const data = dtype === 'F32' ? await stored.float32(name) : (await stored.bytes(name)).data;
      // The two members of the union differ in `data` only.
      tensors.set(name, { shape, data } as HostTensor);
    }
  } finally {
    await stored.close();
  }
  return {
    state: { step, tensors, streams: file.streams, cursor: file.cursor },
    reason: file.reason,
    dataSha256: file.dataSha256,
    backends: file.backends,
  };
}

/** What the files of a state differ in from the hashes beside them. */
async function hashProblem(place: string): Promise<StateProblem | undefined> {
  const sums = join(place, sumsFile);
  let text: string;
  try {
    text = await readFile(sums, 'utf8');
  } catch (cause) {
    return { file: sums, problem: messageOf(cause), cause };
  }
  const stated = new Map(text.split('\n').map((line) => [line.slice(66), line.slice(0, 64)]));
  for (const name of [stateFile, tensorFile]) {
    const file = join(place, name);
    try {
      const sha256 = await sha256File(file);
      if (stated.get(name) !== sha256) return { file, problem: `sha256 ${sha256}, not the one in ${sumsFile}` };
    } catch (cause) {
      return { file, problem: messageOf(cause), cause };
    }
  }
  return undefined;
}

async function readStateFile(path: string): Promise<StateFile | StateProblem> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as StateFile;
  } catch (cause) {
    return { file: path, problem: messageOf(cause), cause };
  }
}

/** Why a state was written; undefined for one that cannot be read, which is as good as none. */
async function reasonOf(folder: string, step: number): Promise<StateFile['reason'] | undefined> {
  const file = await readStateFile(join(folder, stepName(step), stateFile));
  return 'problem' in file ? undefined : file.reason;
}

async function damaged(folder: string, step: number, steps: readonly number[], runHash: string, found: StateProblem): Promise<NlaError> {
  const whole: number[] = [];
  for (const earlier of steps.filter((one) => one < step)) {
    if (!('problem' in (await readState(folder, earlier, runHash)))) whole.push(earlier);
  }
  const last = whole.at(-1);
  return new NlaError('E_RESUME', {
    message: `The state of step ${step} cannot be resumed from: it is damaged, or of another run.`,
    file: found.file,
    found: found.problem,
    expected: 'the files as they were written',
    fix:
      last === undefined
        ? 'Restore it from a copy, or train this role from its beginning with --resume-from 0: it will write the same checkpoints again. No earlier state is whole.'
        : `Restore it from a copy, or go on from an earlier state with --resume-from ${last}: what comes after it is trained again, to the same numbers. Whole states: ${whole.join(', ')}.`,
    kind: 'input',
    ...(found.cause === undefined ? {} : { cause: found.cause }),
  });
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
