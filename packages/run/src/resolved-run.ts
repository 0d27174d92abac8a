import type { JsonValue } from '@nlakit/core';
import type { ResolvedReconstructor } from './adopt-reconstructor.js';
import { canonicalJson, stableHash } from './canonical-json.js';

/** A slot after its plugin was found and its options were validated. */
export interface ResolvedSlot {
  /** The specifier it was loaded by. */
  readonly use: string;
  /** What the plugin says of itself. */
  readonly name: string;
  readonly version: string;
  /** Options with defaults filled in. */
  readonly options: JsonValue;
  /** Options as they were written. */
  readonly given: JsonValue;
}

/** An evaluator's slot after resolution. */
export interface ResolvedEvaluator extends ResolvedSlot {
  readonly id: string;
}

/** A run as it will be made: what `run.json` holds. Deeply frozen. */
export interface ResolvedRun {
  readonly schema: 1;
  readonly name: string;
  readonly seed: number;
  readonly backend: ResolvedSlot;
  readonly quantizer?: ResolvedSlot;
  readonly model: ResolvedSlot;
  readonly injector: ResolvedSlot;
  readonly dataset?: ResolvedSlot;
  readonly labeler?: ResolvedSlot;
  readonly trainers: { readonly ar?: ResolvedSlot; readonly av?: ResolvedSlot };
  /** A finished reconstructor that is used instead of training one. */
  readonly reconstructor?: ResolvedReconstructor;
  readonly evaluators: readonly ResolvedEvaluator[];
  readonly publisher?: ResolvedSlot;
  /** What the command line set in place of the file. */
  readonly overrides: readonly { readonly path: string; readonly value: JsonValue }[];
  /** sha256 (hex) over everything above that decides what the run computes: not the publisher, and not how an option was given. */
  readonly hash: string;
}

/** The part of a resolved run that its hash covers. */
function hashedPart(run: Omit<ResolvedRun, 'hash'>): Readonly<Record<string, unknown>> {
  return {
    schema: run.schema,
    name: run.name,
    seed: run.seed,
    backend: identity(run.backend),
    quantizer: run.quantizer && identity(run.quantizer),
    model: identity(run.model),
    injector: identity(run.injector),
    dataset: run.dataset && identity(run.dataset),
    labeler: run.labeler && identity(run.labeler),
    trainers: { ar: run.trainers.ar && identity(run.trainers.ar), av: run.trainers.av && identity(run.trainers.av) },
    reconstructor: run.reconstructor?.sha256,
    evaluators: run.evaluators.map((slot) => ({ id: slot.id, ...identity(slot) })),
  };
}

/** Adds the hash and freezes. */
export function sealRun(run: Omit<ResolvedRun, 'hash'>): ResolvedRun {
  return deepFreeze({ ...run, hash: stableHash(hashedPart(run)) });
}

/** Paths and values in which two runs differ: `trainers.av.options.steps: 10 → 20`. */
export function differences(before: Omit<ResolvedRun, 'hash'>, after: Omit<ResolvedRun, 'hash'>): string[] {
  const found: string[] = [];
  compare(hashedPart(before), hashedPart(after), '', found);
  return found;
}

function identity({ name, version, options }: ResolvedSlot): Pick<ResolvedSlot, 'name' | 'version' | 'options'> {
  return { name, version, options };
}

function compare(before: unknown, after: unknown, path: string, found: string[]): void {
  if (canonicalJson(before) === canonicalJson(after)) return;
  if (typeof before === 'object' && before !== null && typeof after === 'object' && after !== null) {
    const [one, other] = [before as Record<string, unknown>, after as Record<string, unknown>];
    for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) {
      compare(one[key], other[key], path === '' ? key : `${path}.${key}`, found);
    }
    return;
  }
  found.push(`${path}: ${JSON.stringify(before) ?? 'absent'} → ${JSON.stringify(after) ?? 'absent'}`);
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
