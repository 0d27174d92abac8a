import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { NlaError, type HostTensor, type LoraSpec, type Warning } from '@nlakit/core';
import { atomicWriteFile, openSafetensors, writeSafetensors, type SafetensorsFile } from '@nlakit/safetensors';
import type { LoraHost, LoraHostPair } from './create-lora.js';
import { parsePeftConfig, peftConfigText } from './peft-config.js';
import { checkSpec } from './spec.js';
import { targetsOf, type Linears } from './targets.js';

const configFile = 'adapter_config.json';
const weightsFile = 'adapter_model.safetensors';
const prefix = 'base_model.model.';
const suffixes = { a: '.lora_A.weight', b: '.lora_B.weight' } as const;

/** An adapter to be written. */
export interface AdapterContent extends LoraHost {
  /** Hub id of the base model; never a path of this machine. */
  readonly baseModel: string;
}

/** An adapter as read from a folder. */
export interface AdapterFolder extends LoraHost {
  readonly baseModel: string | null;
  /** Fields of the configuration that were ignored. */
  readonly warnings: readonly Warning[];
}

/** PEFT's names for the matrices of one module path. */
export function peftNames(modulePath: string): { readonly a: string; readonly b: string } {
  return { a: prefix + modulePath + suffixes.a, b: prefix + modulePath + suffixes.b };
}

/**
 * Writes `adapter_model.safetensors` (F32, metadata `{"format": "pt"}`) and `adapter_config.json` into an existing folder, as PEFT
 * loads them; each file appears whole or not at all, the configuration last. The same adapter gives the same bytes.
 *
 * Throws `E_LORA_SHAPE` if a pair does not fit the rank, `E_LORA_SPEC` and `E_WRITE`.
 */
export async function writeAdapter(folder: string, content: AdapterContent): Promise<void> {
  const { spec, pairs, baseModel } = content;
  checkSpec(spec);
  const entries = new Map<string, HostTensor>();
  for (const [modulePath, pair] of pairs) {
    checkShapes(modulePath, pair, spec.rank, undefined);
    const names = peftNames(modulePath);
    entries.set(names.a, pair.a);
    entries.set(names.b, pair.b);
  }
  await writeSafetensors(path.join(folder, weightsFile), entries, { format: 'pt' });
  await atomicWriteFile(path.join(folder, configFile), peftConfigText(spec, baseModel));
}

/**
 * Reads a PEFT adapter folder. BF16 and F16 are widened to f32. With `candidates`, the model's linears (or several sets of them: all,
 * those of the first blocks, under another prefix), the tensors of the file must be exactly those that the configuration's targets name
 * in one of them, and their shapes must fit; PEFT itself loads an adapter whose names fit nothing without an error, and it then does
 * nothing. An adapter whose product is zero everywhere is reported as `W_LORA_NO_EFFECT`.
 *
 * Throws `E_LORA_FOLDER`, `E_LORA_KEYS` (listing missing and unexpected names, of the first candidate), `E_LORA_SHAPE`, `E_LORA_TARGET`,
 * the errors of {@link parsePeftConfig} and of `openSafetensors`.
 */
export async function readAdapter(folder: string, ...candidates: readonly Linears[]): Promise<AdapterFolder> {
  const { spec, baseModel, warnings } = parsePeftConfig(await readConfig(folder), path.join(folder, configFile));
  const file = path.join(folder, weightsFile);
  const weights = await openSafetensors(file);
  try {
    const { paths, linears } = checkAgainst(weights, file, spec, candidates);
    const pairs = new Map<string, LoraHostPair>();
    for (const modulePath of paths) {
      const names = peftNames(modulePath);
      const pair = { a: await hostTensor(weights, names.a), b: await hostTensor(weights, names.b) };
      checkShapes(modulePath, pair, spec.rank, linears?.get(modulePath), file);
      pairs.set(modulePath, pair);
    }
    return { spec, pairs, baseModel, warnings: hasEffect(pairs) ? warnings : [...warnings, noEffect(file)] };
  } finally {
    await weights.close();
  }
}

/** Whether an adapter can change an output at all: in some pair neither A nor B is zero. A fresh adapter cannot. */
export function hasEffect(pairs: ReadonlyMap<string, LoraHostPair>): boolean {
  const nonZero = ({ data }: HostTensor): boolean => data.some((value) => value !== 0);
  return [...pairs.values()].some(({ a, b }) => nonZero(b) && nonZero(a));
}

function noEffect(file: string): Warning {
  return { code: 'W_LORA_NO_EFFECT', message: `${file}: the adapter changes nothing, its matrices are zero.` };
}

/** Module paths of the file and the candidate that they fit; what is wrong with the first is what is wrong with all. */
function checkAgainst(
  weights: SafetensorsFile,
  file: string,
  spec: LoraSpec,
  candidates: readonly Linears[],
): { readonly paths: readonly string[]; readonly linears: Linears | undefined } {
  let refusal: unknown;
  for (const linears of candidates) {
    try {
      return { paths: checkKeys(weights, file, targetsOf(spec, linears)), linears };
    } catch (error) {
      refusal ??= error;
    }
  }
  if (candidates.length > 0) throw refusal;
  return { paths: checkKeys(weights, file, undefined), linears: undefined };
}

async function readConfig(folder: string): Promise<string> {
  try {
    return await readFile(path.join(folder, configFile), 'utf8');
  } catch (cause) {
    throw new NlaError('E_LORA_FOLDER', {
      message: 'The folder holds no readable adapter.',
      file: folder,
      found: cause instanceof Error ? cause.message : String(cause),
      expected: `${configFile} and ${weightsFile}`,
      kind: 'input',
      cause,
    });
  }
}

/** Module paths of the file, once its names are exactly the pairs of `targets` (or, without targets, pairs at all). */
function checkKeys(weights: SafetensorsFile, file: string, targets: readonly string[] | undefined): readonly string[] {
  const present = new Set(weights.names());
  const paths =
    targets ??
    [...new Set([...present].map(modulePathOf).filter((modulePath) => modulePath !== undefined))].sort((a, b) => (a < b ? -1 : 1));
  const wanted = new Set(paths.flatMap((modulePath) => Object.values(peftNames(modulePath))));
  const missing = [...wanted].filter((name) => !present.has(name));
  const unexpected = [...present].filter((name) => !wanted.has(name));
  if (missing.length === 0 && unexpected.length === 0 && paths.length > 0) return paths;
  throw new NlaError('E_LORA_KEYS', {
    message: "The adapter's tensors are not those of the model's targeted linears.",
    file,
    found: `missing ${some(missing)}; unexpected ${some(unexpected)}`,
    expected: `${wanted.size} tensors named ${prefix}<module path>${suffixes.a} and ${suffixes.b}`,
    fix: 'Use the adapter with the model class it was trained on: the module paths must be the same.',
    kind: 'input',
  });
}

function modulePathOf(name: string): string | undefined {
  const suffix = Object.values(suffixes).find((ending) => name.endsWith(ending));
  return suffix !== undefined && name.startsWith(prefix) ? name.slice(prefix.length, -suffix.length) : undefined;
}

function some(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  return `${names.length}: ${names.slice(0, 5).join(', ')}${names.length > 5 ? ', …' : ''}`;
}

async function hostTensor(weights: SafetensorsFile, name: string): Promise<HostTensor> {
  return { shape: weights.tensors.get(name)?.shape ?? [], data: await weights.float32(name) };
}

function checkShapes(
  modulePath: string,
  { a, b }: LoraHostPair,
  rank: number,
  linear: readonly [number, number] | undefined,
  file?: string,
): void {
  const [out = b.shape[0] ?? 0, inn = a.shape[1] ?? 0] = linear ?? [];
  const fits = (tensor: HostTensor, rows: number, columns: number): boolean =>
    tensor.shape.length === 2 && tensor.shape[0] === rows && tensor.shape[1] === columns && tensor.data.length === rows * columns;
  if (fits(a, rank, inn) && fits(b, out, rank)) return;
  throw new NlaError('E_LORA_SHAPE', {
    message: `The adapter of ${modulePath} has the wrong shape.`,
    found: `A [${a.shape.join(', ')}], B [${b.shape.join(', ')}]`,
    expected: `A [${rank}, ${inn}], B [${out}, ${rank}]`,
    kind: 'input',
    ...(file === undefined ? {} : { file }),
  });
}
