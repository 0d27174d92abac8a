import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { type ModelSpec, type NlaContract, NlaError, type Warning } from '@nlakit/core';
import { exactTargets, type LoraHostPair, readAdapter } from '@nlakit/lora';
import { contractDifferences, contractOf, SIDECAR_FILE } from '@nlakit/sidecar';
import { readModelSidecar } from '../read-model-sidecar.js';
import { adapterLinears, reachedLinears } from './initial-adapter.js';
import type { SftRecipe } from './sft-options.js';

/** What a sidecar says about the adapter that training started from. */
export interface ParentRecord {
  /** The last two parts of its path: `trajectory/step_000050`. */
  readonly name: string;
  /** sha256 (hex) of its `adapter_model.safetensors`. */
  readonly sha256: string;
  /** Training step of the parent, where its sidecar states one. */
  readonly step: number | null;
}

/** An adapter to go on from. */
export interface ParentAdapter {
  readonly folder: string;
  readonly record: ParentRecord;
  readonly pairs: ReadonlyMap<string, LoraHostPair>;
  readonly warnings: readonly Warning[];
}

/** What {@link readParentAdapter} holds the parent against. */
export interface ParentExpectation {
  readonly role: 'av' | 'ar';
  readonly recipe: SftRecipe;
  readonly contract: NlaContract;
  readonly model: ModelSpec;
  /** Number of blocks that are computed. */
  readonly blocks: number;
}

/**
 * Reads the PEFT folder that `recipe.from` names, from `baseFolder`, with or without a sidecar; undefined where it names none. The adapter
 * must be of the recipe's rank, alpha and targets, and its sidecar, where there is one, must agree with the run's contract: continuing under
 * another prompt or injection scale would train something else.
 *
 * Throws `E_PARENT_ADAPTER` where they differ, what `readAdapter` throws where it does not fit the model, and the errors of its sidecar.
 */
export async function readParentAdapter(expected: ParentExpectation, baseFolder: string): Promise<ParentAdapter | undefined> {
  const { recipe, model, blocks } = expected;
  if (recipe.from === null) return undefined;
  const folder = resolve(baseFolder, recipe.from);
  const { spec, pairs, warnings } = await readAdapter(folder, reachedLinears(model, blocks));
  refuseOther(folder, 'rank', spec.rank, recipe.rank);
  refuseOther(folder, 'alpha', spec.alpha, recipe.alpha);
  refuseOther(folder, 'rankStabilized', spec.rankStabilized, recipe.rankStabilized);
  const [theirs, ours] = [pairs.keys(), adapterLinears(recipe, model, blocks).keys()].map((paths) => exactTargets(paths));
  refuseOther(folder, 'targets', theirs, ours);
  const sidecar = await checkParentSidecar(folder, expected);
  const record = {
    name: `${basename(dirname(folder))}/${basename(folder)}`,
    sha256: await sha256Of(join(folder, 'adapter_model.safetensors')),
    step: sidecar?.step ?? null,
  };
  return { folder, record, pairs, warnings: sidecar === undefined ? [...warnings, withoutSidecar(folder)] : warnings };
}

function withoutSidecar(folder: string): Warning {
  return {
    code: 'W_PARENT_WITHOUT_SIDECAR',
    message: `The adapter to start from (${folder}) has no ${SIDECAR_FILE}: whether it was trained with this run's prompts, marker, layer and injection scale is not known.`,
  };
}

/** Holds a parent's sidecar against the run; undefined where there is none to hold. */
async function checkParentSidecar(
  folder: string,
  { role, contract }: ParentExpectation,
): Promise<{ readonly step: number | null } | undefined> {
  const file = join(folder, SIDECAR_FILE);
  const present = await access(file).then(
    () => true,
    () => false,
  );
  if (!present) return undefined;
  const sidecar = await readModelSidecar(file, role);
  const { injectionChar } = contract.tokens;
  const { av, ar, avChat } = contract.templates;
  // What it leaves out cannot differ.
  const theirs = contractOf(sidecar, { injectionChar, avTemplate: av, arTemplate: ar, avChat, layer: contract.layer });
  // The base model may go by another name here: its width and layers are compared, and the adapter fitted its linears.
  const differences = contractDifferences(theirs, contract).filter((name) => name !== 'baseModel');
  if (differences.length > 0) {
    throw new NlaError('E_PARENT_ADAPTER', {
      message: 'The adapter to start from was trained under another contract.',
      file,
      found: `other values of ${differences.join(', ')}`,
      expected: 'the prompts, marker, layer and injection scale of this run',
      fix: 'Give this run the values of its sidecar, or train a fresh adapter: leave `from` out.',
      kind: 'input',
    });
  }
  return { step: sidecar.step };
}

function refuseOther(folder: string, name: string, found: unknown, expected: unknown): void {
  if (found === expected) return;
  throw new NlaError('E_PARENT_ADAPTER', {
    message: `The adapter to start from has another ${name} than the options of the trainer.`,
    file: folder,
    found: String(found),
    expected: String(expected),
    fix: `Set ${name}: ${JSON.stringify(found)} in the options of the trainer.`,
    kind: 'input',
  });
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
