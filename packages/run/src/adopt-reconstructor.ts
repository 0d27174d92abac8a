import { copyFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { NlaError } from '@nlakit/core';
import { readSidecar } from '@nlakit/sidecar';
import { filesBelow, isFolder, sha256File, writeFolderAtomically } from './file-writing.js';
import { stepOfName } from './run-layout.js';
import type { RunSession } from './run-session.js';

/** A finished reconstructor that a run takes over instead of training one. */
export interface ResolvedReconstructor {
  /** The step folder as the config states it. */
  readonly path: string;
  readonly step: number;
  /** sha256 (hex) of its sidecar, which holds the hash of its weights. */
  readonly sha256: string;
}

/** Checks that `path` (from `folder`) is a reconstructor's step folder. Throws `E_RECONSTRUCTOR`, or what is wrong with its sidecar. */
export async function resolveReconstructor(path: string, folder: string): Promise<ResolvedReconstructor> {
  const absolute = resolve(folder, path);
  const step = stepOfName(basename(absolute));
  const sidecarFile = join(absolute, 'nla_meta.yaml');
  if (step !== undefined && !(await isFolder(absolute))) {
    throw new NlaError('E_RECONSTRUCTOR', {
      message: 'The reconstructor to be used does not exist (yet).',
      found: `no folder ${path}`,
      expected: 'the step folder of a trained reconstructor',
      fix: `Make the run it belongs to first (${basename(resolve(absolute, '../..'))}), or correct the path; it starts from the config's folder.`,
      kind: 'input',
    });
  }
  if (step === undefined) {
    throw new NlaError('E_RECONSTRUCTOR', {
      message: 'The reconstructor to be used is no step folder.',
      found: path,
      expected: 'a folder such as ../runs/other/reconstructor/step_000500',
      fix: 'Name the step folder of a trained reconstructor, or train one: trainers.ar.',
      kind: 'input',
    });
  }
  const sidecar = await readSidecar(sidecarFile);
  if (sidecar.kind !== 'nla_model' || sidecar.role !== 'ar') {
    throw new NlaError('E_RECONSTRUCTOR', {
      message: 'The checkpoint to be used as reconstructor has another role.',
      file: sidecarFile,
      found: sidecar.kind === 'nla_model' ? `role ${sidecar.role}` : 'the sidecar of a dataset',
      expected: 'role ar',
      kind: 'input',
    });
  }
  return { path, step, sha256: await sha256File(sidecarFile) };
}

/** Copies the reconstructor that the run's config names into the run folder, whole or not at all; nothing to do if it is there. */
export async function adoptReconstructor(session: RunSession): Promise<void> {
  const { record, layout, log } = session;
  const { reconstructor } = record;
  if (reconstructor === undefined) return;
  const target = layout.checkpoint('ar', reconstructor.step);
  if (await isFolder(target)) return;
  const configFolder = resolve(layout.folder, record.configFolder);
  const source = resolve(configFolder, reconstructor.path);
  const found = await resolveReconstructor(reconstructor.path, configFolder);
  if (found.sha256 !== reconstructor.sha256) {
    throw new NlaError('E_RECONSTRUCTOR', {
      message: 'The reconstructor has changed since this run was made.',
      file: source,
      found: `sidecar sha256 ${found.sha256}`,
      expected: reconstructor.sha256,
      fix: 'Restore it, or start a run in another folder.',
      kind: 'input',
    });
  }
  await writeFolderAtomically(target, async (temporary) => {
    for (const file of await filesBelow(source)) await copyFile(join(source, file), join(temporary, file));
  });
  log.info(`reconstructor: ${reconstructor.path}`);
}
