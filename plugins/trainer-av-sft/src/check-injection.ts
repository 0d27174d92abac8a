import { type GuardReport, type Injector, type Model, NlaError, type RandomStream, type Scale } from '@nlakit/core';
import { sampleEmbeddingNorms } from '@nlakit/nla';
import { summarize } from '@nlakit/nla/training';

/** How a configuration may overrule the guard. */
export interface GuardOverrides {
  readonly acknowledgeGuard: boolean;
  readonly allowOutOfDistributionInjection: boolean;
}

/**
 * Runs the injector's guard on the norms of the training vectors and of about 1 000 random embeddings.
 * Throws `E_INJECTION_GUARD` for a refused scale and for one that only one ratio supports, unless `overrides` (or an injector whose own
 * options say so) accept it. `override` tells whether a person's word was needed.
 */
export async function checkInjection(
  parts: { readonly model: Model; readonly injector: Injector; readonly scale: Scale; readonly random: RandomStream },
  activationNorms: readonly number[],
  overrides: GuardOverrides,
): Promise<{ readonly guard: GuardReport; readonly override: boolean }> {
  const { model, injector, scale, random } = parts;
  const embeddingNorms = await sampleEmbeddingNorms(model, random);
  const guard = injector.guard({ activationNorms: summarize(activationNorms), embeddingNorms: summarize(embeddingNorms) }, scale);
  if (guard.verdict === 'accepted') return { guard, override: false };
  const injectorAccepts = 'allowOutOfDistribution' in injector && injector.allowOutOfDistribution === true;
  const accepted =
    overrides.allowOutOfDistributionInjection || (guard.verdict === 'acknowledge' && (overrides.acknowledgeGuard || injectorAccepts));
  if (accepted) return { guard, override: true };
  throw new NlaError('E_INJECTION_GUARD', {
    message:
      guard.verdict === 'refused'
        ? `The injection scale is far from everything this model has seen. ${guard.reasons.join(' ')}`
        : `Only one of two checks supports the injection scale. ${guard.reasons.join(' ')}`,
    found: `scale ${scale === null ? 'raw' : scale}, median activation norm ${guard.medianActivationNorm.toPrecision(4)}, median embedding norm ${guard.medianEmbeddingNorm.toPrecision(4)}`,
    expected: 'a scale of 0.5 to 3 times both norms',
    fix:
      guard.verdict === 'refused'
        ? 'Correct the scale (a scale never carries over from another model), or set allowOutOfDistributionInjection: true; that is recorded.'
        : 'Set acknowledgeGuard: true in the options of the trainer if the scale is meant; that is recorded in the sidecar.',
    kind: 'input',
  });
}
