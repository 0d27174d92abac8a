import type { BenchSetting } from './bench-case.js';
import type { MeasuringProcess } from './measuring-process.js';

/** Runs `work` beside a script of `peer/` that has prepared with `settings`, or beside nothing where no peer was asked for. */
export async function besidePeer<Result>(
  { peer }: Pick<BenchSetting, 'peer'>,
  script: string,
  settings: object,
  work: (peer: MeasuringProcess | undefined) => Promise<Result>,
): Promise<Result> {
  const process = await peer?.start(script, settings);
  try {
    return await work(process);
  } finally {
    await process?.close();
  }
}
