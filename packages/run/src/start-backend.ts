import { NlaError } from '@nlakit/core';
import type { PreparedSlot, RunPreparation } from './resolve-run.js';
import { sealRun, type ResolvedSlot } from './resolved-run.js';
import { createRunParts, type RunParts, type RunPartsOptions } from './run-parts.js';

/** A preparation whose backend is settled, with the parts of the run. */
export interface StartedParts {
  readonly preparation: RunPreparation;
  readonly parts: RunParts;
}

/**
 * The parts of a run. Where the config leaves the backend open (`auto`) and there are several, the first that starts is taken, one that
 * `preferred` names before all others, and what kept the others from starting is told as a warning. Throws `E_BACKEND_NONE` with all
 * reasons if none starts. A backend that the config names, or the only one, is started when it is first asked for.
 */
export async function startParts(
  preparation: RunPreparation,
  options: Omit<RunPartsOptions, 'plugins' | 'seed' | 'baseFolder'> & { readonly preferred?: Pick<ResolvedSlot, 'name'> },
): Promise<StartedParts> {
  const { preferred, ...rest } = options;
  const partsOf = (chosen: RunPreparation): RunParts =>
    createRunParts({ ...rest, plugins: chosen.plugins, seed: chosen.resolved.seed, baseFolder: chosen.configFolder });
  const candidates = preparation.backendCandidates ?? [];
  if (candidates.length < 2) return { preparation, parts: partsOf(preparation) };

  const isPreferred = ({ slot }: PreparedSlot<'backend'>): boolean => slot.name === preferred?.name;
  const ordered = [...candidates.filter(isPreferred), ...candidates.filter((one) => !isPreferred(one))];
  const reasons: string[] = [];
  for (const candidate of ordered) {
    const chosen = withBackend(preparation, candidate);
    const parts = partsOf(chosen);
    try {
      await parts.backend();
      return { preparation: chosen, parts };
    } catch (error) {
      await parts.dispose();
      const reason = `${candidate.slot.use}: ${error instanceof Error ? error.message : String(error)}`;
      reasons.push(reason);
      options.log.warn(`A backend does not start here, the next one is tried. ${reason}`);
    }
  }
  throw new NlaError('E_BACKEND_NONE', {
    message: 'None of the backends that "auto" stands for starts here.',
    found: reasons.join('; '),
    expected: 'one that starts',
    fix: 'See `nla doctor`, correct what one of them says, or name another backend with --backend.',
  });
}

function withBackend(preparation: RunPreparation, { slot, prepared }: PreparedSlot<'backend'>): RunPreparation {
  const { hash: _, ...unsealed } = preparation.resolved;
  return {
    ...preparation,
    resolved: sealRun({ ...unsealed, backend: slot }),
    plugins: { ...preparation.plugins, backend: prepared },
  };
}
