import { createHash } from 'node:crypto';
import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFakeHub, type FakeHub, type FakeHubOptions } from '@nlakit/conformance/fake-hub';
import { onTestFinished } from 'vitest';
import { pull, type PullOptions, type PullResult } from '../pull.js';

/** Bytes that look random and are the same each time. */
export function someBytes(length: number, seed = 1): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < length; at += 32) blocks.push(createHash('sha256').update(`${seed} ${at}`).digest());
  return new Uint8Array(Buffer.concat(blocks).subarray(0, length));
}

/** A model repository as others look: also with files nobody wants here. */
export const modelFiles = {
  '.gitattributes': '*.safetensors filter=lfs\n',
  'README.md': '# A model\n',
  LICENSE: 'terms',
  'config.json': '{"model_type":"gemma4"}',
  'generation_config.json': '{}',
  'tokenizer.json': someBytes(30_000, 2),
  'tokenizer_config.json': '{"a":1}',
  'chat_template.jinja': '{{ messages }}',
  'model-00001-of-00002.safetensors': someBytes(70_000, 3),
  'model-00002-of-00002.safetensors': someBytes(50_001, 4),
  'model.safetensors.index.json': JSON.stringify({
    weight_map: { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' },
  }),
  'pytorch_model.bin': someBytes(999, 5),
  'model.gguf': someBytes(999, 6),
  'onnx/model.onnx': someBytes(999, 7),
};

/** A repository for many pulls: fewer files, one large object. */
export const smallFiles: Readonly<Record<string, string | Uint8Array>> = {
  'README.md': '# Small',
  'config.json': '{"small":true}',
  'tokenizer.json': someBytes(9_000, 8),
  'model.safetensors': someBytes(20_000, 10),
};

/** What of it a pull brings. */
export const wantedModelFiles = Object.keys(modelFiles)
  .filter((path) => !/^\.git|bin$|gguf$|onnx$/.test(path))
  .sort();

/** A fake hub with a model, and a cache of its own. */
export interface Workplace {
  readonly hub: FakeHub;
  readonly cacheFolder: string;
  pull(options?: PullOptions, id?: string): Promise<PullResult>;
}

/** Retries that cost no time. */
export const quick = { firstWaitMilliseconds: 1, longestWaitMilliseconds: 2, stallMilliseconds: 2000 };

/** Starts a hub with `owner/model`, closed when the test ends. */
export async function workplace(options: FakeHubOptions = {}): Promise<Workplace> {
  const hub = await startFakeHub({
    repositories: [
      { id: 'owner/model', files: modelFiles },
      { id: 'owner/small', files: smallFiles },
    ],
    pageSize: 5,
    ...options,
  });
  onTestFinished(() => hub.stop());
  const cacheFolder = join(await mkdtemp(join(tmpdir(), 'nla-hub-')), 'hub');
  return {
    hub,
    cacheFolder,
    pull: (pullOptions = {}, id = 'owner/model') =>
      pull(id, { hubUrl: hub.url, cacheFolder, env: {}, retry: quick, token: '', ...pullOptions }),
  };
}

/** All files below a folder, as paths with `/`, sorted. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}
