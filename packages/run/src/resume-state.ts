import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { NlaError, type HostTensor, type JsonValue, type RandomState, type TrainerState } from '@nlakit/core';
import { openSafetensors, writeSafetensors } from '@nlakit/safetensors';
import { namesIn, writeFileAtomically, writeFolderAtomically } from './file-writing.js';
import { stepName, stepOfName } from './run-layout.js';

interface StateFile {
  readonly step: number;
  readonly reason: 'save' | 'interrupt';
  readonly runHash: string;
  /** sha256 of the dataset split trained on; the data must not change between the two halves of a run. */
  readonly dataSha256: string | null;
  readonly streams: Readonly<Record<string, RandomState>>;
  readonly cursor: JsonValue;
}

/** A state to resume from, as read. */
export interface ResumeState {
  readonly state: TrainerState;
  readonly reason: 'save' | 'interrupt';
  readonly dataSha256: string | null;
}

/** Writes `step_N/` (state.json and state.safetensors) below `folder` and removes states no longer needed: the newest and the one of the last save stay. */
export async function writeResumeState(
  folder: string,
  state: TrainerState,
  about: { readonly reason: 'save' | 'interrupt'; readonly runHash: string; readonly dataSha256: string | null },
): Promise<void> {
  await writeFolderAtomically(join(folder, stepName(state.step)), async (temporary) => {
    await writeSafetensors(join(temporary, 'state.safetensors'), state.tensors);
    const file: StateFile = { step: state.step, ...about, streams: state.streams, cursor: state.cursor };
    await writeFileAtomically(join(temporary, 'state.json'), `${JSON.stringify(file)}\n`);
  });
  const steps = await resumeSteps(folder);
  const saves = [];
  for (const step of steps) if ((await readStateFile(folder, step)).reason === 'save') saves.push(step);
  const keep = new Set([state.step, saves.filter((step) => step <= state.step).at(-1)]);
  for (const step of steps) if (!keep.has(step)) await rm(join(folder, stepName(step)), { recursive: true, force: true });
}

/** The steps that can be resumed from, ascending. */
async function resumeSteps(folder: string): Promise<number[]> {
  return (await namesIn(folder)).map(stepOfName).filter((step) => step !== undefined);
}

/** The newest state below `folder`, or undefined. Throws `E_RESUME` if it belongs to another run or is damaged. */
export async function readNewestState(folder: string, runHash: string): Promise<ResumeState | undefined> {
  const step = (await resumeSteps(folder)).at(-1);
  if (step === undefined) return undefined;
  const file = await readStateFile(folder, step);
  if (file.runHash !== runHash || file.step !== step) {
    throw new NlaError('E_RESUME', {
      message: 'This state belongs to another run.',
      file: join(folder, stepName(step)),
      found: file.runHash,
      expected: runHash,
      kind: 'input',
    });
  }
  const tensors = new Map<string, HostTensor | { readonly shape: readonly number[]; readonly data: Uint8Array }>();
  const stored = await openSafetensors(join(folder, stepName(step), 'state.safetensors'));
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
  };
}

async function readStateFile(folder: string, step: number): Promise<StateFile> {
  const path = join(folder, stepName(step), 'state.json');
  try {
    return JSON.parse(await readFile(path, 'utf8')) as StateFile;
  } catch (cause) {
    throw new NlaError('E_RESUME', {
      message: 'The state to resume from cannot be read.',
      file: path,
      found: cause instanceof Error ? cause.message : String(cause),
      fix: 'Remove its folder to resume from the state before it.',
      kind: 'input',
      cause,
    });
  }
}
