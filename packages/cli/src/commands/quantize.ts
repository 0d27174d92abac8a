import { join, resolve } from 'node:path';
import { writeFolderAtomically } from '@nlakit/run';
import { openModelFolder } from '@nlakit/safetensors';
import { usage, wholeNumber, type CommandContext } from '../command-context.js';
import { formatBytes } from '../format-bytes.js';
import { refuseFilledFolder } from '../new-folder.js';
import { peakResidentBytes } from '../peak-resident-bytes.js';

interface QuantizeOptions {
  readonly model: string;
  readonly out: string;
  readonly doubleQuant?: boolean;
  readonly blockSize: string;
  readonly computeDtype?: 'bfloat16' | 'float16' | 'float32';
  readonly maxShardBytes?: string;
}

/** Modules beside the text decoder that hold linears; they are copied, and the libraries must not expect them packed. */
const otherModules = ['model.vision_tower', 'model.audio_tower', 'model.embed_vision', 'model.embed_audio'];

/**
 * `nla quantize`: a Gemma 4 checkpoint in bitsandbytes' NF4 layout. Every linear of the text decoder is packed; embeddings, norms, scalars
 * and other modules are copied. The folder appears when it is complete.
 */
export async function quantize(context: CommandContext, options: QuantizeOptions): Promise<undefined> {
  const { io, log } = context;
  const started = performance.now();
  const out = resolve(io.cwd, options.out);
  const { resolveSource } = await import('@nlakit/model-gemma4');
  const { isBlockSize, quantizeCheckpoint } = await import('@nlakit/quantizer-nf4');
  const blockSize = wholeNumber(options.blockSize, '--block-size');
  if (!isBlockSize(blockSize)) throw usage('--block-size', options.blockSize, 'a power of two from 32 to 4096');
  const maxShardBytes = options.maxShardBytes === undefined ? undefined : wholeNumber(options.maxShardBytes, '--max-shard-bytes');
  const { folder: source } = await resolveSource(options.model, io.cwd);
  await refuseFilledFolder(out);
  const { linears, skippedModules } = await readGeometry(source);

  let result: Awaited<ReturnType<typeof quantizeCheckpoint>> | undefined;
  await writeFolderAtomically(out, async (temporary) => {
    result = await quantizeCheckpoint({
      source,
      out: temporary,
      linears,
      blockSize,
      doubleQuant: options.doubleQuant === true,
      skippedModules,
      signal: io.signal,
      onWarning: ({ message }) => log.warn(message),
      onProgress: (done, total) => log.progress({ task: 'quantize', done, total, unit: 'bytes' }),
      ...(options.computeDtype === undefined ? {} : { computeDtype: options.computeDtype }),
      ...(maxShardBytes === undefined ? {} : { maxShardBytes }),
    });
  });
  if (result === undefined) return undefined;
  const done = result;
  const seconds = (performance.now() - started) / 1000;
  const peakBytes = peakResidentBytes();
  context.print({ folder: out, ...done, seconds, peakBytes }, () =>
    [
      `${out}: ${done.quantized} linears packed (${done.weights.toLocaleString('en')} weights), ${done.copied} tensors copied`,
      `${formatBytes(done.sourceBytes)} became ${formatBytes(done.bytes)} in ${seconds.toFixed(1)} s; peak memory ${formatBytes(peakBytes)}`,
    ].join('\n'),
  );
  return undefined;
}

/** The decoder's linears by the checkpoint's names, and the modules beside it. */
async function readGeometry(source: string): Promise<{ linears: Map<string, readonly [number, number]>; skippedModules: string[] }> {
  const { findPrefix, gemma4Inventory, parseGemma4Config, readModelConfig } = await import('@nlakit/model-gemma4');
  const configFile = join(source, 'config.json');
  const architecture = parseGemma4Config(await readModelConfig(configFile), configFile);
  const file = await openModelFolder(source);
  try {
    const names = [...file.names()];
    const prefix = findPrefix(names);
    const linears = new Map<string, readonly [number, number]>();
    for (const [name, { role, shape }] of gemma4Inventory(architecture)) {
      const [rows = 0, columns = 0] = shape;
      if (role === 'linear') linears.set(prefix + name, [rows, columns]);
    }
    return { linears, skippedModules: otherModules.filter((module) => names.some((name) => name.startsWith(`${module}.`))) };
  } finally {
    await file.close();
  }
}
