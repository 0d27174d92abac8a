/** Who made the golden files. All of them on a CPU; the models in float32 with eager attention. */
export const references = {
  transformers: 'transformers 5.18.0',
  peft: 'peft 0.21.0',
  bitsandbytes: 'bitsandbytes 0.50.2.dev0',
  torch: 'torch 2.13',
  numpy: 'float32 reference in numpy',
  float64: 'float64 reference, central differences',
} as const;

/** Largest differences that pass. Measured by the reference against its own formulae in float64 is about a tenth of each. */
export const tolerances = {
  layerOutput: 3e-4,
  logits: 3e-4,
  /** Of the largest logit. */
  relativeLogits: 1e-4,
  cachedLogits: 5e-4,
  loss: 2e-5,
  /** The loss of one position is as far off as its logits. */
  tokenLoss: 1e-4,
  /** Of the largest entry of the same tensor. */
  gradient: 1e-3,
  trainedLoss: 1e-4,
  trainedTensor: 2e-6,
  eightBitAbsmax: 3e-7,
  eightBitParameter: 5e-7,
} as const;
