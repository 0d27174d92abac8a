import { readFile } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { blockOutput, isNlaError, NlaError, type Model, type Override, type PerLayerIds } from '@nlakit/core';
import { createRunParts, preparePlugin, type PluginSlot, type RunParts } from '@nlakit/run';
import { usage, wholeNumber, wholeNumbers, type CommandContext } from '../command-context.js';
import { readVector } from '../read-vector.js';

interface PassOptions {
  readonly model: string;
  readonly tokens: string;
  readonly adapter?: string;
  readonly quantizer?: 'none' | 'nf4' | 'bf16';
  readonly scaleDtype?: 'f32' | 'bf16';
  readonly ple: PerLayerIds;
  readonly inject?: readonly string[];
}

/** `nla inspect logits`: one forward pass over raw ids. */
export async function inspectLogits(context: CommandContext, options: PassOptions & { readonly capture?: string }): Promise<undefined> {
  const layers = options.capture === undefined ? [] : wholeNumbers(options.capture, '--capture');
  await withModel(context, options, async (model, tokens, overrides) => {
    const { tf } = await import('@nlakit/ops');
    const wrong = layers.find((layer) => layer >= model.spec.layers);
    if (wrong !== undefined) throw usage('--capture', String(wrong), `blocks from 0 to ${model.spec.layers - 1}`);
    const output = model.forward({
      tokens,
      batch: 1,
      length: tokens.length,
      overrides,
      perLayerIds: options.ple,
      capture: layers.map(blockOutput),
      final: true,
    });
    const { final } = output;
    if (final === undefined) throw new NlaError('E_MODEL_OUTPUT', { message: 'The model gave no final state.' });
    const logits = tf.tidy(() => model.head.logits(tf.reshape(final, [tokens.length, model.spec.dModel])));
    const result: { logits: number[][]; hidden: Record<string, number[][]> } = {
      logits: rows((await logits.data()) as Float32Array, model.spec.vocabularySize),
      hidden: {},
    };
    logits.dispose();
    final.dispose();
    for (const layer of layers) {
      const hidden = output.hidden[blockOutput(layer)];
      if (hidden === undefined) continue;
      result.hidden[String(layer)] = rows((await hidden.data()) as Float32Array, model.spec.dModel);
      hidden.dispose();
    }
    context.print(result, () =>
      result.logits
        .map((row, position) => {
          const best = row
            .map((value, id) => ({ value, id }))
            .sort((a, b) => b.value - a.value)
            .slice(0, 5);
          return `${position}  id ${tokens[position] ?? ''}  next: ${best.map(({ id, value }) => `${id} (${value.toFixed(4)})`).join('  ')}`;
        })
        .join('\n'),
    );
  });
  return undefined;
}

/** `nla inspect generate`: greedy continuation, new tokens only. */
export async function inspectGenerate(
  context: CommandContext,
  options: PassOptions & { readonly maxNew: string; readonly ignoreEos?: boolean },
): Promise<undefined> {
  const maxNewTokens = wholeNumber(options.maxNew, '--max-new');
  await withModel(context, options, async (model, tokens, overrides) => {
    const ids: number[] = [];
    const steps = model.generate({
      prompts: [tokens],
      overrides,
      perLayerIds: options.ple,
      maxNewTokens,
      stopIds: options.ignoreEos === true ? [] : [model.tokenizer.eosId],
      signal: context.io.signal,
    });
    for await (const step of steps) {
      const id = step.ids[0];
      if (id !== undefined && id >= 0) ids.push(id);
    }
    context.print({ tokens: ids }, () =>
      [ids.join(','), ...(model.tokenizer.sha256 === '' ? [] : [model.tokenizer.decode(ids)])].join('\n'),
    );
  });
  return undefined;
}

async function withModel(
  context: CommandContext,
  options: PassOptions,
  work: (model: Model, tokens: Int32Array, overrides: readonly Override[]) => Promise<void>,
): Promise<void> {
  const { io, host, log, common } = context;
  const tokens = Int32Array.from(wholeNumbers(options.tokens, '--tokens'));
  const overrides = await Promise.all((options.inject ?? []).map((text) => readInjection(text, tokens.length, io.cwd)));
  const source = { folder: io.cwd, host };
  const backendUse = common.backend === undefined || common.backend === 'auto' ? (host.backends?.[0] ?? 'auto') : common.backend;
  const parts = createRunParts({
    plugins: {
      backend: await preparePlugin('backend', { use: backendUse }, source),
      quantizer: await preparePlugin('quantizer', await quantizerSlot(options, io.cwd), source),
      model: await preparePlugin(
        'model',
        {
          use: '@nlakit/model-gemma4',
          options: { source: options.model, ...(options.scaleDtype === undefined ? {} : { scaleDtype: options.scaleDtype }) },
        },
        source,
      ),
      trainers: {},
      evaluators: [],
    },
    seed: 0,
    baseFolder: io.cwd,
    signal: io.signal,
    log,
  });
  let model: Model | undefined;
  try {
    model = await loadModel(parts, options, io.cwd);
    const { spec } = model;
    const unknown = tokens.find((id) => id >= spec.vocabularySize);
    if (unknown !== undefined) throw usage('--tokens', String(unknown), `ids below ${spec.vocabularySize}`);
    for (const { vector } of overrides) {
      if (vector.length !== spec.dModel) throw usage('--inject', `a vector of ${vector.length}`, `a vector of ${spec.dModel}`);
    }
    if (options.adapter === undefined) {
      await work(model, tokens, overrides);
      return;
    }
    const { loadAdapter } = await import('@nlakit/nla');
    const adapter = await loadAdapter(resolve(io.cwd, options.adapter), spec);
    for (const { code, message } of adapter.warnings) log.warn(`${code}: ${message}`);
    model.adapt(adapter.adapter);
    try {
      await work(model, tokens, overrides);
    } finally {
      model.adapt(null);
      adapter.dispose();
    }
  } finally {
    // Without a tokenizer the model is not among the parts.
    if (model?.tokenizer.sha256 === '') model.dispose();
    await parts.dispose();
  }
}

/** The model, also from a folder that holds no tokenizer: ids need none. */
async function loadModel(parts: RunParts, { model, scaleDtype }: PassOptions, cwd: string): Promise<Model> {
  try {
    return await parts.model();
  } catch (error) {
    if (!isNlaError(error) || error.code !== 'E_TOKENIZER' || error.details.found !== 'no such file') throw error;
    const { loadModelWithoutTokenizer } = await import('../model-without-tokenizer.js');
    const quantizer = await parts.quantizer();
    return loadModelWithoutTokenizer(resolve(cwd, model), { quantizer, ...(scaleDtype === undefined ? {} : { scaleDtype }) });
  }
}

/** A checkpoint that is stored in NF4 is read as it is; otherwise weights are plain unless the option says more. */
async function quantizerSlot({ quantizer, model }: PassOptions, cwd: string): Promise<PluginSlot> {
  const stored = await storedQuantization(isAbsolute(model) ? model : join(cwd, model));
  if (quantizer === 'bf16') return { use: '@nlakit/ops#plain', options: { dtype: 'bf16' } };
  if (quantizer === 'nf4' || (quantizer === undefined && stored !== undefined)) {
    return { use: '@nlakit/quantizer-nf4', options: stored === undefined ? {} : { doubleQuant: stored.doubleQuant } };
  }
  return { use: '@nlakit/ops#plain', options: { dtype: 'f32' } };
}

async function storedQuantization(folder: string): Promise<{ readonly doubleQuant: boolean } | undefined> {
  try {
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as { quantization_config?: Record<string, unknown> };
    const found = config.quantization_config;
    return found?.['load_in_4bit'] === true ? { doubleQuant: found['bnb_4bit_use_double_quant'] === true } : undefined;
  } catch {
    // No folder with a config: a Hub id or data package, or the model plugin will say what is wrong with it.
    return undefined;
  }
}

async function readInjection(text: string, length: number, cwd: string): Promise<Override & { readonly vector: Float32Array }> {
  const cut = text.indexOf('=');
  const position = wholeNumber(text.slice(0, Math.max(0, cut)), '--inject', 0);
  if (position >= length) throw usage('--inject', `position ${position}`, `a position from 0 to ${length - 1}`);
  return { row: 0, position, vector: await readVector(text.slice(cut + 1), cwd, '--inject') };
}

function rows(values: Float32Array, width: number): number[][] {
  return Array.from({ length: values.length / width }, (_, row) => Array.from(values.subarray(row * width, (row + 1) * width)));
}
