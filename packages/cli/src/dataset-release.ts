import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { NlaError, type Release } from '@nlakit/core';
import { datasetCard, type DatasetCardFile } from '@nlakit/report';
import { hashOfFile, type OpenedRun } from '@nlakit/run';
import { datasetSidecarPath, readSidecar } from '@nlakit/sidecar';

/**
 * What is published of a run's data: the files of rows with their sidecars below `data/`, and a dataset card. Throws `E_DATA_MISSING` where
 * the run made no files of its own, and what reading a sidecar throws.
 */
export async function buildDatasetRelease(run: OpenedRun, repository: string, license?: string): Promise<Release> {
  const { dataFolder } = run.layout;
  const files: DatasetCardFile[] = [];
  // What stages leave on their way lies in folders below.
  const names = (await readdir(dataFolder).catch(() => [])).filter((name) => name.endsWith('.parquet')).sort();
  for (const name of names) {
    const file = join(dataFolder, name);
    const sidecar = await readSidecar(datasetSidecarPath(file));
    if (sidecar.kind !== 'nla_dataset')
      throw new NlaError('E_DATASET_OPEN', { message: 'The sidecar beside the data describes a model.', file, kind: 'input' });
    const { size } = await stat(file);
    files.push({ path: `data/${name}`, split: basename(name, '.parquet'), bytes: size, sha256: await hashOfFile(file), sidecar });
  }
  const [first] = files;
  if (first === undefined) {
    throw new NlaError('E_DATA_MISSING', {
      message: 'This run has no data of its own to publish.',
      file: dataFolder,
      found: 'no .parquet file',
      expected: 'the files that `nla data build` leaves; a dataset that only reads files is published from where they lie',
      kind: 'input',
    });
  }
  return {
    repository,
    baseModel: first.sidecar.baseModel,
    files: [
      {
        path: 'README.md',
        source: { content: datasetCard({ name: run.record.name, repository, files, ...(license === undefined ? {} : { license }) }) },
      },
      ...files.flatMap(({ path }) =>
        [path, datasetSidecarPath(path)].map((each) => ({ path: each, source: { file: join(dataFolder, basename(each)) } })),
      ),
    ],
    metadata: { name: run.record.name, runHash: run.record.hash, datasetId: first.sidecar.datasetId, nlakit: run.record.nlakit },
  };
}
