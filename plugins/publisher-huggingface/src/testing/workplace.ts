import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { startFakeHub, type FakeCommit, type FakeHub, type FakeHubOptions } from '@nlakit/conformance/fake-hub';
import type { PublishEvent, PublishPlan, Release } from '@nlakit/core';
import { onTestFinished } from 'vitest';
import { huggingFacePublisher } from '../hugging-face-publisher.js';
import { optionsSchema, type HuggingFaceOptions } from '../options.js';

/** A token that may write for `owner`. */
export const token = `hf_${'w'.repeat(34)}`;

/** Retries that cost no time. */
const quick = { attempts: 8, firstWaitMilliseconds: 1, longestWaitMilliseconds: 2, stallMilliseconds: 2000 };

/** Bytes that look random and are the same each time. */
export function someBytes(length: number, seed: number | string): Buffer {
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < length; at += 32) blocks.push(createHash('sha256').update(`${seed} ${at}`).digest());
  return Buffer.concat(blocks).subarray(0, length);
}

/** Files of a small trajectory. */
export function trajectoryFiles(steps: readonly number[] = [50, 100]): Record<string, string | Buffer> {
  const files: Record<string, string | Buffer> = {
    LICENSE: 'terms of the base model\n',
    'README.md':
      '---\nlicense: apache-2.0\nbase_model: google/base\nlibrary_name: peft\n---\n\n# Card\n\n## Examples\n\nsome text\n\n## Limits\n',
    'figures/loss.png': someBytes(300, 'loss'),
    'eval/h5/step_000100.json': JSON.stringify({ rows: [{ id: 'a', text: 'private words', cosines: { AV_OUT: 0.5 } }], summary: { n: 1 } }),
  };
  for (const step of steps) {
    const folder = `trajectory/step_${String(step).padStart(6, '0')}`;
    files[`${folder}/adapter_config.json`] =
      '{"base_model_name_or_path": "google/base", "peft_type": "LORA", "r": 2, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM"}';
    files[`${folder}/adapter_model.safetensors`] = safetensors(someBytes(2000, step));
    files[`${folder}/nla_meta.yaml`] = `kind: nla_model\nbase_checkpoint: google/base\nstep: ${step}\n`;
  }
  return files;
}

/** A safetensors file with one tensor of bytes. */
export function safetensors(data: Buffer): Buffer {
  const header = Buffer.from(JSON.stringify({ w: { dtype: 'U8', shape: [data.length], data_offsets: [0, data.length] } }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, data]);
}

/** Writes files to a folder of their own, as a release. */
export async function releaseOf(files: Readonly<Record<string, string | Buffer>>, repository = 'owner/nla'): Promise<Release> {
  const folder = await mkdtemp(join(tmpdir(), 'nla-release-'));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return {
    repository,
    baseModel: 'google/base',
    files: Object.keys(files)
      .sort()
      .map((path) => ({ path, source: { file: join(folder, path) } })),
    metadata: {},
  };
}

/** A fake hub, and a publisher for it. */
export interface Workplace {
  readonly hub: FakeHub;
  plan(release: Release, options?: Partial<HuggingFaceOptions>): Promise<PublishPlan>;
  /** Plans and publishes; the events. */
  publish(release: Release, options?: Partial<HuggingFaceOptions>, signal?: AbortSignal): Promise<readonly PublishEvent[]>;
}

/** Starts a hub, stopped when the test ends. */
export async function workplace(hubOptions: FakeHubOptions = {}): Promise<Workplace> {
  const hub = await startFakeHub({ tokens: { [token]: { user: 'owner' } }, partBytes: 1024, pageSize: 7, ...hubOptions });
  onTestFinished(() => hub.stop());
  return workplaceOf(hub);
}

/** A publisher for a hub that runs. */
export function workplaceOf(hub: FakeHub): Workplace {
  const publisherOf = (options: Partial<HuggingFaceOptions>) =>
    huggingFacePublisher({
      ...optionsSchema.parse({ hubUrl: hub.url, corpusText: 'examples' }),
      env: { HF_TOKEN: token, HF_HOME: '/nowhere' },
      retry: quick,
      ...options,
    });
  return {
    hub,
    plan: (release, options = {}) => publisherOf(options).plan(release),
    async publish(release, options = {}, signal = new AbortController().signal) {
      const publisher = publisherOf(options);
      const events: PublishEvent[] = [];
      for await (const event of publisher.publish(await publisher.plan(release), signal)) events.push(event);
      return events;
    },
  };
}

/** Files of a commit as buffers, without what the Hub itself puts in. */
export function contentOf(commit: FakeCommit | undefined): Record<string, Buffer> {
  return Object.fromEntries(
    [...(commit?.files ?? [])].filter(([path]) => path !== '.gitattributes').map(([path, { content }]) => [path, Buffer.from(content)]),
  );
}

/** The same of what was to be published. */
export function buffersOf(files: Readonly<Record<string, string | Buffer>>): Record<string, Buffer> {
  return Object.fromEntries(Object.entries(files).map(([path, content]) => [path, Buffer.from(content)]));
}
