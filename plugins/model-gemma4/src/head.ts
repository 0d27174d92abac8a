import type { ModelHead } from '@nlakit/core';
import { softcappedCrossEntropy, softcappedLogits } from '@nlakit/ops';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import type { Gemma4Config } from './config.js';
import type { EmbeddingTable } from './embedding-table.js';

/** Logits that a chunk of the vocabulary may occupy, in values: 64 MiB of f32. */
const chunkValues = 2 ** 24;

/** The output layer: the embedding table, unscaled, with the softcap. */
export function createHead(config: Gemma4Config, table: EmbeddingTable): ModelHead {
  const { softcap } = config;
  return {
    logits(hidden) {
      return softcappedLogits({ hidden, table: table.tensor as Tensor2D, softcap });
    },
    crossEntropy(hidden, targets) {
      const chunk = Math.max(1024, Math.floor(chunkValues / Math.max(1, hidden.shape[0])));
      return softcappedCrossEntropy({ hidden, table: table.tensor as Tensor2D, targets, softcap, chunk });
    },
  };
}
