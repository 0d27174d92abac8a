import type { SftRecipe } from '@nlakit/nla/training';

/** What the peer's training scripts need to know of a recipe. PEFT matches a regular expression against whole paths, as we do. */
export function peerTraining({
  rank,
  alpha,
  dropout,
  targets,
  learningRate,
  weightDecay,
  clipNorm,
  microBatch,
  maxLength,
}: SftRecipe): object {
  return { rank, alpha, dropout, targets, learningRate, weightDecay, clipNorm, batch: microBatch, length: maxLength };
}
