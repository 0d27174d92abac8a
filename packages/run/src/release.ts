import { join } from 'node:path';
import { NlaError, type JsonValue, type Release, type ReleaseFile } from '@nlakit/core';
import { readSidecar, SIDECAR_FILE } from '@nlakit/sidecar';
import { evaluatedSidecar } from './evaluated-sidecar.js';
import { filesBelow } from './file-writing.js';
import type { OpenedRun } from './open-run.js';
import { readRetractions, RETRACTIONS_FILE } from './retractions.js';
import { stepName } from './run-layout.js';

/**
 * What is published of a run: every trajectory step, the newest reconstructor, evaluations, the card with its figures, and the
 * sidecars of the data. The sidecar of a measured step holds what was measured ({@link evaluatedSidecar}), that of a retracted step says so, and
 * the list of retractions comes with them. States to resume from, events and the data itself stay on the machine; paths are relative.
 * Throws `E_STEP_MISSING` for a run without checkpoints and `E_REPORT_MISSING` for one without a card.
 */
export async function buildRelease(run: OpenedRun, repository: string): Promise<Release> {
  const { layout, record } = run;
  const files = await releaseFiles(run);
  if (!files.some(({ path }) => path === 'README.md')) {
    throw new NlaError('E_REPORT_MISSING', {
      message: 'A release needs its card, and this run has none yet.',
      file: layout.reportFolder,
      found: 'no README.md',
      fix: 'Write it: `nla report <run>`.',
      kind: 'input',
    });
  }
  const steps = await run.steps('av');
  const sidecar = await readSidecar(join(layout.checkpoint('av', steps.at(-1) ?? 0), SIDECAR_FILE));
  const metadata: Record<string, JsonValue> = {
    name: record.name,
    runHash: record.hash,
    steps,
    retractedSteps: [...(await readRetractions(run.folder)).steps.keys()],
    reconstructorStep: (await run.steps('ar')).at(-1) ?? null,
    nlakit: record.nlakit,
  };
  return { repository, baseModel: sidecar.baseModel, files, metadata };
}

/** The files of a release, also of one that has no card yet, by path. Throws `E_STEP_MISSING` for a run without checkpoints. */
export async function releaseFiles(run: OpenedRun): Promise<readonly ReleaseFile[]> {
  const { layout } = run;
  const steps = await run.steps('av');
  if (steps.length === 0) {
    throw new NlaError('E_STEP_MISSING', {
      message: 'There is nothing to publish: the trajectory is empty.',
      file: layout.checkpoints('av'),
      fix: 'Train first: `nla train`.',
      kind: 'input',
    });
  }
  const files: ReleaseFile[] = [];
  const add = async (folder: string, prefix: string, wanted: (path: string) => boolean = () => true): Promise<void> => {
    for (const path of await filesBelow(folder)) {
      if (wanted(path)) files.push({ path: prefix === '' ? path : `${prefix}/${path}`, source: { file: join(folder, path) } });
    }
  };
  const evaluations = (await run.evaluations()).map((evaluation) => ({
    evaluation,
    file: layout.evaluation(evaluation.id, evaluation.step),
  }));
  const { steps: retracted, history } = await readRetractions(run.folder);
  for (const step of steps) {
    const prefix = `trajectory/${stepName(step)}`;
    const sidecarFile = join(layout.checkpoint('av', step), SIDECAR_FILE);
    await add(layout.checkpoint('av', step), prefix, (path) => path !== SIDECAR_FILE);
    files.push({
      path: `${prefix}/${SIDECAR_FILE}`,
      source: { content: await evaluatedSidecar(sidecarFile, evaluations, run.folder, retracted.get(step)) },
    });
  }
  const reconstructor = (await run.steps('ar')).at(-1);
  if (reconstructor !== undefined) await add(layout.checkpoint('ar', reconstructor), `reconstructor/${stepName(reconstructor)}`);
  await add(join(run.folder, 'eval'), 'eval', (path) => path.endsWith('.json'));
  await add(layout.dataFolder, 'data', (path) => path.endsWith('.nla_meta.yaml'));
  if (history.length > 0) files.push({ path: RETRACTIONS_FILE, source: { file: join(run.folder, RETRACTIONS_FILE) } });
  // The card lies at the top of a repository; its links to figures are relative to it.
  await add(layout.reportFolder, '');
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}
