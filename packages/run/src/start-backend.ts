import { NlaError } from '@nlakit/core';
import { chooseFastest, tryBackends, type BackendChoice, type BackendTrial } from './choose-backend.js';
import type { PreparedSlot, RunPreparation } from './resolve-run.js';
import { sealRun, type ResolvedSlot } from './resolved-run.js';
import { createRunParts, type RunParts, type RunPartsOptions } from './run-parts.js';

/** A preparation whose backend is settled, with the parts of the run. */
export interface StartedParts {
  readonly preparation: RunPreparation;
  readonly parts: RunParts;
  /** What `auto` became, and why; absent where the config names a backend. */
  readonly choice?: BackendChoice;
}

/**
 * The parts of a run. Where the config leaves the backend open (`auto`) and several are installed, each is tried and the fastest that
 * passes its self-test is taken; what is wrong with another one is told as a warning, unless this machine only lacks what it needs. The one that `preferred` names (that of a run which
 * goes on) is taken without a comparison if it passes. Throws `E_BACKEND_NONE` with all reasons if none does. A backend that the config
 * names, or the only one installed, is started when it is first asked for.
 */
export async function startParts(
  preparation: RunPreparation,
  options: Omit<RunPartsOptions, 'plugins' | 'seed' | 'baseFolder'> & { readonly preferred?: Pick<ResolvedSlot, 'name'> },
): Promise<StartedParts> {
  const { preferred, ...rest } = options;
  const partsOf = (chosen: RunPreparation): RunParts =>
    createRunParts({ ...rest, plugins: chosen.plugins, seed: chosen.resolved.seed, baseFolder: chosen.configFolder });
  const candidates = preparation.backendCandidates;
  if (candidates === undefined) return { preparation, parts: partsOf(preparation) };
  const [first] = candidates;
  const passedOver = preparation.backendsPassedOver ?? [];
  for (const trial of passedOver) warn(trial);
  if (candidates.length < 2 && first !== undefined) {
    const reason = passedOver.length === 0 ? 'the only one that is installed' : 'the only one that can be used';
    return { preparation, parts: partsOf(preparation), choice: { use: first.slot.use, reason, trials: passedOver } };
  }

  const tried = (some: readonly PreparedSlot<'backend'>[]): Promise<BackendTrial[]> =>
    tryBackends(some, (candidate) => partsOf(withBackend(preparation, candidate)));
  const [present, others] = [candidates.filter(isPreferred), candidates.filter((one) => !isPreferred(one))];
  const trials = [...passedOver, ...(await tried(present))];
  let choice = chooseFastest(trials);
  if (choice === undefined) {
    trials.push(...(await tried(others)));
    choice = chooseFastest(trials);
  } else choice = { ...choice, reason: 'the run was made with it' };
  for (const trial of trials.slice(passedOver.length)) if (!trial.ok) warn(trial);

  const chosen = candidates.find(({ slot }) => slot.use === choice?.use);
  if (choice === undefined || chosen === undefined) {
    throw new NlaError('E_BACKEND_NONE', {
      message: 'None of the backends that "auto" stands for can be used here.',
      found: trials.map(({ use, reason = '' }) => `${use}: ${reason}`).join('; '),
      expected: 'one that starts and passes its self-test',
      fix: 'See `nla doctor`, correct what one of them says, or name another backend with --backend.',
    });
  }
  const rates = trials.flatMap(({ use, gflops }) => (gflops === undefined ? [] : [`${use} ${gflops.toFixed(0)} GFLOP/s`]));
  options.log.info(`backend: ${choice.use}, ${choice.reason} (${rates.join(', ')})`);
  const settled = withBackend(preparation, chosen);
  return { preparation: settled, parts: partsOf(settled), choice: { ...choice, trials } };

  function isPreferred({ slot }: PreparedSlot<'backend'>): boolean {
    return slot.name === preferred?.name;
  }
  function warn({ use, reason = 'it cannot be used', absent }: BackendTrial): void {
    options.log[absent === true ? 'debug' : 'warn'](`A backend cannot be used here and is passed over. ${use}: ${reason}`);
  }
}

function withBackend(preparation: RunPreparation, { slot, prepared }: PreparedSlot<'backend'>): RunPreparation {
  const { hash: _, ...unsealed } = preparation.resolved;
  return {
    ...preparation,
    resolved: sealRun({ ...unsealed, backend: slot }),
    plugins: { ...preparation.plugins, backend: prepared },
  };
}
