export { attention, attentionGrad, attentionScoresBytes } from './attention';
export { gemm, gemmScratchBytes } from './gemm';
export { abandon, controlBytes, dismiss, helped, serve, sharedAttention, sharedAttentionGrad, sharedCrossEntropyGrad, sharedGeglu, sharedGegluGrad, sharedGemm, sharedLogSumExp } from './shared';
export { accumulate, dropout, exp, geglu, gegluGrad, tanh } from './elementwise';
export { maskedSoftmax, normRope, normRopeGrad, rmsNorm, rmsNormAdd, rmsNormGrad, rope, softcapCrossEntropyGrad, softcapLogSumExp, softmaxGrad } from './rows';
export { nf4Unpack, nf4UnpackBf16 } from './nf4';
export { copyRows, gatherRows } from './move';
export { roundBf16, roundF16 } from './round';
