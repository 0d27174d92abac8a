import type { GuardReport, Scale, Summary } from '@nlakit/core';

/** Both ratios have to lie in this range; the bounds are those of the SolshineCode guard. */
export const GUARD_RANGE = { low: 0.5, high: 3 } as const;

/** Norms that differ by less than this part of their mean were made equal on purpose. */
const preNormalisedSpread = 1e-3;

const largest = { f32: 3.4028234663852886e38, bf16: 3.3895313892515355e38, f16: 65504 } as const;

/**
 * Whether an injection scale lies within what the model has seen. Three checks: (a) scale / median norm of the activations and
 * (b) scale / median norm of the embedding output lie in [0.5, 3]; (c) the scale can be held in the compute format.
 * Both ratios: accepted. Exactly one: to be acknowledged by a person; published settings of Qwen, Gemma 3 and Llama are of this kind,
 * since their embeddings are short. None, or (c) fails: refused; that is the case of a scale carried over from another model.
 * Pre-normalised vectors say nothing in (a), and neither do unscaled ones: (b) alone decides there.
 */
export function guardScale(
  stats: { readonly activationNorms: Summary; readonly embeddingNorms: Summary },
  scale: Scale,
  dtype: 'f32' | 'bf16' | 'f16',
): GuardReport {
  const medianActivationNorm = stats.activationNorms.median;
  const medianEmbeddingNorm = stats.embeddingNorms.median;
  const norm = scale ?? medianActivationNorm;
  const reasons: string[] = [];
  const preNormalised =
    stats.activationNorms.count > 1 && stats.activationNorms.standardDeviation <= preNormalisedSpread * stats.activationNorms.mean;

  let activationRatio: number | null = null;
  if (scale === null) {
    reasons.push('Vectors go in as they were read, so their own norm decides and the activation ratio means nothing.');
  } else if (preNormalised) {
    reasons.push(
      `All activation norms are ${show(medianActivationNorm)}: the vectors were normalised when they were read, so the activation ratio means nothing.`,
    );
  } else {
    activationRatio = scale / medianActivationNorm;
    reasons.push(sentence('activations', activationRatio, norm, medianActivationNorm));
  }
  const embeddingRatio = norm / medianEmbeddingNorm;
  reasons.push(sentence('embedding output', embeddingRatio, norm, medianEmbeddingNorm));

  const representable = Number.isFinite(norm) && norm > 0 && norm <= largest[dtype];
  if (!representable) reasons.push(`A vector of norm ${show(norm)} cannot be held in ${dtype} (largest value ${show(largest[dtype])}).`);
  else if (dtype === 'bf16' && norm >= 1000) reasons.push('In bf16 a vector of that size is coarse: eight bits of precision.');

  const held = [...(activationRatio === null ? [] : [inRange(activationRatio)]), inRange(embeddingRatio)];
  const count = held.filter(Boolean).length;
  const verdict = !representable || count === 0 ? 'refused' : count === held.length ? 'accepted' : 'acknowledge';
  return {
    verdict,
    activationRatio: finite(activationRatio),
    embeddingRatio: finite(embeddingRatio),
    medianActivationNorm,
    medianEmbeddingNorm,
    reasons,
  };
}

function inRange(ratio: number): boolean {
  return ratio >= GUARD_RANGE.low && ratio <= GUARD_RANGE.high;
}

function sentence(what: string, ratio: number, norm: number, median: number): string {
  const verdict = inRange(ratio) ? 'within' : 'outside';
  return `Injection norm ${show(norm)} is ${show(ratio)} times the median norm of the ${what} (${show(median)}): ${verdict} ${GUARD_RANGE.low} to ${GUARD_RANGE.high}.`;
}

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}

function show(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value);
}
