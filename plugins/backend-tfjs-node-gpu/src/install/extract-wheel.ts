import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { once } from 'node:events';
import { dirname, join, normalize } from 'node:path';
import { NlaError } from '@nlakit/core';
import { Unzip, UnzipInflate, type UnzipFile } from 'fflate';

/**
 * Extracts the files of a wheel (a zip archive) whose names `wanted` accepts into `folder`, streaming: a library of 800 MB never lies in
 * memory. Throws `E_TENSORFLOW_SOURCE` for a damaged archive and for names that lead out of the folder.
 */
export async function extractWheel(wheel: string, folder: string, wanted: (name: string) => boolean): Promise<void> {
  const waiting: Promise<void>[] = [];
  const damaged = (found: string): NlaError =>
    new NlaError('E_TENSORFLOW_SOURCE', { message: 'The wheel is damaged.', found, file: wheel, fix: 'Download it again.', kind: 'input' });
  let failure: Error | undefined;
  /** Chunks that are inflated and not written yet; reading waits for them. */
  let backlog: Promise<void> = Promise.resolve();

  const extract = (file: UnzipFile): void => {
    const target = join(folder, normalize(file.name));
    if (!target.startsWith(normalize(`${folder}/`))) throw damaged(`a file named ${file.name}`);
    const opened = mkdir(dirname(target), { recursive: true }).then(() => createWriteStream(target));
    let chain: Promise<unknown> = opened;
    const finished = new Promise<void>((resolve, reject) => {
      file.ondata = (error, chunk, final) => {
        if (error !== null) {
          reject(damaged(`${file.name}: ${error.message}`));
          return;
        }
        const copy = chunk.slice();
        chain = chain.then(async () => {
          const stream = await opened;
          if (!stream.write(copy)) await once(stream, 'drain');
          if (!final) return;
          stream.end();
          await once(stream, 'finish');
          resolve();
        });
        backlog = chain.then(() => undefined);
        chain.catch(reject);
      };
    });
    finished.catch((error: unknown) => (failure ??= error as Error));
    waiting.push(finished);
    file.start();
  };

  const unzip = new Unzip((file) => {
    if (wanted(file.name)) extract(file);
  });
  unzip.register(UnzipInflate);
  try {
    for await (const chunk of createReadStream(wheel, { highWaterMark: 2 ** 20 }) as AsyncIterable<Uint8Array>) {
      unzip.push(chunk);
      await backlog;
      if (failure !== undefined) throw failure;
    }
    unzip.push(new Uint8Array(0), true);
  } catch (error) {
    throw error instanceof NlaError ? error : damaged(error instanceof Error ? error.message : String(error));
  }
  await Promise.all(waiting);
}
