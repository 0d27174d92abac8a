import { access, readFile } from 'node:fs/promises';
import path from 'node:path';
import { NlaError, type Warning } from '@nlakit/core';
import type { TensorInfo } from './header.js';
import { openSafetensors } from './open.js';
import type { SafetensorsFile } from './safetensors-file.js';
import { JsonNumber, parseStrictJson } from './strict-json.js';

const single = 'model.safetensors';
const index = 'model.safetensors.index.json';

/**
 * Opens the weights of a model folder: `model.safetensors`, or else the shards that `model.safetensors.index.json` names. Every
 * name of the index must be in the shard it names and every tensor of a shard in the index; shards are plain file names beside
 * the index. A `total_size` that is not the bytes of all tensors is only told to `onWarning` (`W_SAFETENSORS_TOTAL_SIZE`): it is wrong in
 * many published models, and nothing is read by it.
 *
 * Throws `E_SAFETENSORS_FOLDER` (neither file), `E_SAFETENSORS_INDEX` (unsound index) and the errors of {@link openSafetensors}.
 */
export async function openModelFolder(
  folder: string,
  { onWarning }: { readonly onWarning?: (warning: Warning) => void } = {},
): Promise<SafetensorsFile> {
  if (await exists(path.join(folder, single))) return openSafetensors(path.join(folder, single));
  const indexFile = path.join(folder, index);
  if (!(await exists(indexFile))) {
    throw new NlaError('E_SAFETENSORS_FOLDER', {
      message: 'The folder holds no safetensors weights.',
      file: folder,
      expected: `${single} or ${index}`,
      fix: 'Point to the folder of a model in the Hugging Face layout.',
      kind: 'input',
    });
  }
  const { shardOf, totalSize } = parseIndex(
    await readFile(indexFile).catch((cause: unknown) => {
      throw unsound(
        indexFile,
        'The index cannot be read.',
        cause instanceof Error ? cause.message : String(cause),
        'a readable file',
        cause,
      );
    }),
    indexFile,
  );
  const shards = new Map<string, SafetensorsFile>();
  try {
    for (const shard of new Set(shardOf.values())) shards.set(shard, await openSafetensors(path.join(folder, shard)));
    const tensors = new Map<string, TensorInfo>();
    for (const [name, shard] of shardOf) {
      const info = shards.get(shard)?.tensors.get(name);
      if (info === undefined)
        throw unsound(indexFile, 'The index names a tensor that its shard does not hold.', JSON.stringify(name), `in ${shard}`);
      tensors.set(name, info);
    }
    for (const [shard, file] of shards) {
      for (const name of file.names()) {
        if (shardOf.get(name) !== shard) {
          throw unsound(
            indexFile,
            `${shard} holds a tensor that the index does not place there.`,
            JSON.stringify(name),
            shardOf.get(name) ?? 'not in the index',
          );
        }
      }
    }
    const size = [...tensors.values()].reduce((sum, { begin, end }) => sum + end - begin, 0);
    if (totalSize !== undefined && totalSize !== size) {
      onWarning?.({
        code: 'W_SAFETENSORS_TOTAL_SIZE',
        message: `${indexFile} says total_size ${totalSize}, but the tensors have ${size} bytes together. The shards are complete all the same.`,
      });
    }
    return together(folder, shardOf, shards, tensors);
  } catch (error) {
    await closeAll(shards);
    throw error;
  }
}

function together(
  folder: string,
  shardOf: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, SafetensorsFile>,
  tensors: ReadonlyMap<string, TensorInfo>,
): SafetensorsFile {
  const fileOf = (name: string): SafetensorsFile => {
    const file = shards.get(shardOf.get(name) ?? '');
    if (file !== undefined) return file;
    throw new NlaError('E_SAFETENSORS_TENSOR_NOT_FOUND', {
      message: 'The model has no tensor of that name.',
      found: `${tensors.size} others`,
      expected: JSON.stringify(name),
      file: folder,
      kind: 'input',
    });
  };
  const metadata = Object.create(null) as Record<string, string>;
  for (const file of shards.values()) Object.assign(metadata, file.metadata);
  return {
    tensors,
    metadata,
    has: (name) => tensors.has(name),
    names: () => tensors.keys(),
    bytes: async (name) => fileOf(name).bytes(name),
    stream: (name, pieceBytes) => fileOf(name).stream(name, pieceBytes),
    float32: async (name) => fileOf(name).float32(name),
    rows: async (name, start, count) => fileOf(name).rows(name, start, count),
    locate: (name) => fileOf(name).locate(name),
    close: () => closeAll(shards),
  };
}

function parseIndex(bytes: Uint8Array, file: string): { readonly shardOf: Map<string, string>; readonly totalSize: number | undefined } {
  let root;
  try {
    root = parseStrictJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw unsound(file, 'The index is not valid JSON.', cause instanceof Error ? cause.message : String(cause), 'one JSON object', cause);
  }
  const map = root instanceof Map ? (root.get('weight_map') as unknown) : undefined;
  if (!(map instanceof Map) || map.size === 0) throw unsound(file, 'The index has no weight_map.', 'none', '{"weight_map": {name: file}}');
  const shardOf = new Map<string, string>();
  for (const [name, shard] of map as Map<string, unknown>) {
    if (typeof shard !== 'string' || !isPlainName(shard)) {
      throw unsound(
        file,
        `The shard of ${JSON.stringify(name)} is no plain file name.`,
        JSON.stringify(shard) ?? 'nothing',
        'a name without folders',
      );
    }
    shardOf.set(name, shard);
  }
  const metadata = root instanceof Map ? (root.get('metadata') as unknown) : undefined;
  const total: unknown = metadata instanceof Map ? metadata.get('total_size') : undefined;
  return { shardOf, totalSize: total instanceof JsonNumber ? Number(total.text) : undefined };
}

/** A shard stands beside the index: nothing that could lead elsewhere. */
function isPlainName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\\:\0]/.test(name) && name.endsWith('.safetensors');
}

async function closeAll(shards: ReadonlyMap<string, SafetensorsFile>): Promise<void> {
  for (const file of shards.values()) await file.close();
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

function unsound(file: string, message: string, found: string, expected: string, cause?: unknown): NlaError {
  return new NlaError('E_SAFETENSORS_INDEX', { message, file, found, expected, kind: 'input', ...(cause === undefined ? {} : { cause }) });
}
