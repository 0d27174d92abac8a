import { join } from 'node:path';
import {
  type Injector,
  type LoraAdapter,
  type Model,
  type NlaContract,
  NlaError,
  type Override,
  type RandomStream,
  type Warning,
} from '@nlakit/core';
import { checkContract, contractOf, type ContractSupplement, type ModelSidecar } from '@nlakit/sidecar';
import { type AvPrompt, avPrompt } from './av-prompt.js';
import { chunks } from './chunks.js';
import { loadAdapter } from './load-adapter.js';
import { explanationClose, explanationOpen, parseExplanation } from './parse-explanation.js';
import { readModelSidecar } from './read-model-sidecar.js';
import { withAdapter } from './with-adapter.js';

/** How explanations are generated. */
export interface ExplainOptions {
  /** Default 160. */
  readonly maxNewTokens?: number;
  /** The explanation may not end before that many new tokens. */
  readonly minNewTokens?: number;
  /** Vectors in one pass; default 16. */
  readonly batch?: number;
  /** Absent or 0: greedy. */
  readonly temperature?: number;
  /** Needed for a temperature above 0. */
  readonly random?: RandomStream;
  readonly signal?: AbortSignal;
  /** Called after each pass with the number of vectors explained so far. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What a verbalizer wrote about one vector. */
export interface Explanation {
  /** The whole output as text, tags included, up to the closing tag or the stop token. */
  readonly text: string;
  /** The explanation in it, trimmed; null if the tags are not there. */
  readonly explanation: string | null;
  /** The new tokens, a stop token included. */
  readonly tokens: Int32Array;
  /** The output ended by itself, not at `maxNewTokens`. */
  readonly stopped: boolean;
}

/** Writes explanations of residual-stream vectors. */
export interface Verbalizer {
  readonly contract: NlaContract;
  readonly sidecar: ModelSidecar;
  /** That the step is retracted, and fields of the adapter's configuration that were ignored. */
  readonly warnings: readonly Warning[];
  /** One explanation for each raw vector `[dModel]`, in their order. Vectors are rescaled to the sidecar's injection scale. */
  explain(vectors: readonly Float32Array[], options?: ExplainOptions): Promise<Explanation[]>;
  dispose(): void;
}

/** Where a verbalizer comes from. */
export interface OpenVerbalizerOptions {
  /** A trajectory step: `adapter_config.json`, `adapter_model.safetensors`, `nla_meta.yaml`. */
  readonly folder: string;
  /** The base model. It is shared, not owned: the adapter is on it during `explain` only. */
  readonly model: Model;
  readonly injector: Injector;
  /** What an incomplete published sidecar leaves out. */
  readonly supplement?: ContractSupplement;
}

/**
 * Opens a verbalizer from a step folder. Prompt, marker and injection scale come from its sidecar and from nowhere else, and are checked
 * against the model.
 *
 * Throws what reading adapter and sidecar throws, `E_CONTRACT_…` where sidecar and model do not fit, `E_SIDECAR_ROLE` for a reconstructor's folder.
 */
export async function openVerbalizer(options: OpenVerbalizerOptions): Promise<Verbalizer> {
  const { folder, model, injector } = options;
  const sidecar = await readModelSidecar(join(folder, 'nla_meta.yaml'), 'av');
  const contract = contractOf(sidecar, options.supplement);
  checkContract(contract, model.tokenizer, model.spec);
  const prompt = avPrompt(contract, model.tokenizer);
  const adapter = await loadAdapter(folder, model.spec);
  return {
    contract,
    sidecar,
    warnings: [...retractionWarnings(sidecar), ...adapter.warnings],
    explain: (vectors, explainOptions = {}) =>
      explainWith({ contract, prompt, adapter: adapter.adapter, model, injector }, vectors, explainOptions),
    dispose: () => {
      adapter.dispose();
    },
  };
}

function retractionWarnings({ step, retraction }: ModelSidecar): Warning[] {
  if (retraction === null) return [];
  return [{ code: 'W_STEP_RETRACTED', message: `Step ${step ?? 'of unknown number'} is retracted: ${retraction.reason}` }];
}

/** What an explanation is made with. */
export interface VerbalizerParts {
  readonly contract: NlaContract;
  readonly prompt: AvPrompt;
  readonly adapter: LoraAdapter | null;
  readonly model: Model;
  readonly injector: Injector;
}

/** {@link Verbalizer.explain} on parts that need not come from a folder; training measures its adapters with it. */
export async function explainWith(
  parts: VerbalizerParts,
  vectors: readonly Float32Array[],
  options: ExplainOptions,
): Promise<Explanation[]> {
  if ((options.temperature ?? 0) > 0 && options.random === undefined) {
    throw new NlaError('E_RANDOM_MISSING', {
      message: 'Sampling needs a random stream.',
      fix: 'Pass `random`, or leave the temperature out.',
    });
  }
  for (const vector of vectors) {
    if (vector.length === parts.contract.dModel) continue;
    throw new NlaError('E_VECTOR_LENGTH', {
      message: 'A vector does not have the width of the model.',
      found: `${vector.length}`,
      expected: `${parts.contract.dModel}`,
      kind: 'input',
    });
  }
  return await withAdapter(parts.model, parts.adapter, async () => {
    const results: Explanation[] = [];
    for (const group of chunks(vectors, options.batch ?? 16)) {
      options.signal?.throwIfAborted();
      results.push(...(await explainBatch(parts, group, options)));
      options.onProgress?.(results.length, vectors.length);
    }
    return results;
  });
}

async function explainBatch(parts: VerbalizerParts, vectors: readonly Float32Array[], options: ExplainOptions): Promise<Explanation[]> {
  const { prompt } = parts;
  const tokenizer = parts.model.tokenizer;
  const limit = options.maxNewTokens ?? 160;
  const overrides = overridesOf(parts, vectors);
  const rows = vectors.map((_, row) => ({ row, tokens: [] as number[], stopped: false }));
  const openId = tokenizer.idOf(explanationOpen);
  const closeId = tokenizer.idOf(explanationClose);
  if (openId === undefined || closeId === undefined) {
    // The tags are spelled in several tokens: nothing can be forbidden by id, and there is no one-token tag to loop on.
    await generateRows(parts, rows, overrides, prompt.ids, [], limit, options);
  } else {
    // A model that has learned to open an explanation after any word may do so within one, for ever. So the tags and the marker are
    // forbidden, but for the opening tag as the very first token and the closing tag.
    const tags = forbiddenTags(parts);
    if (prompt.opened) {
      await generateRows(parts, rows, overrides, prompt.ids, [...tags, openId], limit, options);
    } else {
      await generateRows(parts, rows, overrides, prompt.ids, tags, Math.min(1, limit), options);
      const going = rows.filter((row) => !row.stopped);
      for (const group of groupBy(going, (row) => row.tokens[0] ?? -1)) {
        const first = group[0]?.tokens[0];
        if (first === undefined) continue;
        const forbidden = first === openId ? [...tags, openId] : tags;
        await generateRows(parts, group, overrides, Int32Array.from([...prompt.ids, first]), forbidden, limit - 1, options);
      }
    }
  }
  return rows.map(({ tokens, stopped }) => {
    const visible = tokens.at(-1) === tokenizer.eosId ? tokens.slice(0, -1) : tokens;
    const text = tokenizer.decode(visible);
    return { text, explanation: parseExplanation(text, { opened: prompt.opened }), tokens: Int32Array.from(tokens), stopped };
  });
}

interface Row {
  readonly row: number;
  readonly tokens: number[];
  stopped: boolean;
}

/** Continues `rows`, whose prompts are equal, by at most `count` tokens each. A row ends with EOS or with the closing tag, and then costs nothing more than its place. */
async function generateRows(
  parts: VerbalizerParts,
  rows: readonly Row[],
  overrides: readonly Override[],
  prompt: Int32Array,
  forbiddenIds: readonly number[],
  count: number,
  options: ExplainOptions,
): Promise<void> {
  if (rows.length === 0 || count <= 0) return;
  const { model, contract } = parts;
  const tokenizer = model.tokenizer;
  const closeId = tokenizer.idOf(explanationClose);
  const already = rows[0]?.tokens.length ?? 0;
  const minimum = Math.max(0, (options.minNewTokens ?? 0) - already);
  const steps = model.generate({
    prompts: rows.map(() => prompt),
    overrides: rows.flatMap(({ row }, place) => overrides.filter((one) => one.row === row).map((one) => ({ ...one, row: place }))),
    perLayerIds: contract.perLayerIds,
    maxNewTokens: count,
    minNewTokens: minimum,
    stopIds: closeId === undefined ? [tokenizer.eosId] : [tokenizer.eosId, closeId],
    forbiddenIds,
    ...(options.temperature === undefined ? {} : { temperature: options.temperature }),
    ...(options.random === undefined ? {} : { random: options.random }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  for await (const { ids } of steps) {
    rows.forEach((row, place) => {
      const id = ids[place] ?? -1;
      if (row.stopped || id < 0) return;
      row.tokens.push(id);
      row.stopped = id === tokenizer.eosId || id === closeId || (closeId === undefined && closesTag(row.tokens, tokenizer));
    });
    if (rows.every((row) => row.stopped)) break;
  }
}

/** Whether the last of `tokens` completes a closing tag that is spelled in several tokens. */
function closesTag(tokens: readonly number[], tokenizer: Model['tokenizer']): boolean {
  const newest = tokens.at(-1);
  if (newest === undefined || !tokenizer.decode([newest]).includes('>')) return false;
  return tokenizer.decode(tokens.slice(-explanationClose.length)).includes(explanationClose);
}

/** The marker, and the whole-token tags of the prompt's slot, where the vocabulary has them. */
function forbiddenTags({ contract, model }: VerbalizerParts): number[] {
  const tags = [contract.tokens.injectionTokenId];
  for (const id of [contract.tokens.leftNeighborId, contract.tokens.rightNeighborId]) {
    const spelling = model.tokenizer.tokenOf(id) ?? '';
    if (/^<\/?[a-z_]+>$/.test(spelling)) tags.push(id);
  }
  return tags;
}

function overridesOf({ contract, prompt, injector }: VerbalizerParts, vectors: readonly Float32Array[]): readonly Override[] {
  const tokens = new Int32Array(prompt.ids.length * vectors.length);
  const stacked = new Float32Array(contract.dModel * vectors.length);
  vectors.forEach((vector, row) => {
    tokens.set(prompt.ids, row * prompt.ids.length);
    stacked.set(vector, row * contract.dModel);
  });
  return injector.apply(injector.locate(tokens, vectors.length, contract.tokens), stacked, contract.injectionScale);
}

function groupBy<Item>(items: readonly Item[], key: (item: Item) => number): Item[][] {
  const groups = new Map<number, Item[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return [...groups.values()];
}
