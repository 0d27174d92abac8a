import type { ReleasePreset } from './release-preset.js';

const kitftTemplates = {
  av: '054c09450507a3d83355aea8bf591d5ecca9cdd0a2c10a90efe0394273b62d75',
  ar: 'b2244f6d1bb9ff5a57641b179472abbfdb2a27a80c2c124e5646708e1936bc9d',
};

/** The published releases: four of kitft/natural_language_autoencoders, and SolshineCode's trajectory. */
export const releasePresets: readonly ReleasePreset[] = [
  {
    name: 'kitft-qwen2.5-7b',
    baseModel: 'Qwen/Qwen2.5-7B-Instruct',
    dModel: 3584,
    layer: 20,
    injectionScale: 150,
    tokens: {
      injectionChar: '㈎',
      injectionTokenId: 149705,
      leftNeighborId: 29,
      rightNeighborId: 522,
      criticSuffixIds: [1318, 29, 366, 1708, 29],
    },
    templateSha256: kitftTemplates,
    avChat: true,
  },
  gemma3('kitft-gemma-3-12b', 'google/gemma-3-12b-it', 3840, 32, 80000),
  gemma3('kitft-gemma-3-27b', 'google/gemma-3-27b-it', 5376, 41, 60000),
  {
    name: 'kitft-llama-3.3-70b',
    baseModel: 'meta-llama/Llama-3.3-70B-Instruct',
    dModel: 8192,
    layer: 53,
    injectionScale: 30,
    tokens: { injectionChar: '㎡', injectionTokenId: 105565, leftNeighborId: null, rightNeighborId: null, criticSuffixIds: null },
    templateSha256: kitftTemplates,
    avChat: true,
  },
  {
    name: 'solshine-gemma-4-e2b',
    baseModel: 'google/gemma-4-E2B',
    dModel: 1536,
    layer: 23,
    injectionScale: Math.sqrt(1536),
    tokens: { injectionChar: '㊗', injectionTokenId: 249568, leftNeighborId: 236813, rightNeighborId: 954, criticSuffixIds: null },
    templateSha256: { av: 'f61e011a612946f3fc5a54744ecfad016501f262528e1c1e4d3c68cd4f51e063', ar: kitftTemplates.ar },
    avChat: false,
  },
];

function gemma3(name: string, baseModel: string, dModel: number, layer: number, injectionScale: number): ReleasePreset {
  return {
    name,
    baseModel,
    dModel,
    layer,
    injectionScale,
    tokens: { injectionChar: '㈜', injectionTokenId: 246566, leftNeighborId: null, rightNeighborId: null, criticSuffixIds: null },
    templateSha256: kitftTemplates,
    avChat: true,
  };
}
