export { gemm, gemmScratchBytes } from './gemm';
export { abandon, controlBytes, dismiss, helped, serve, sharedCrossEntropyGrad, sharedGeglu, sharedGegluGrad, sharedGemm, sharedLogSumExp } from './shared';
export { accumulate, exp, geglu, gegluGrad, scale, scaleOnto, tanh } from './elementwise';
export { maskedSoftmax, rmsNorm, rmsNormAdd, rmsNormGrad, rope, softcapCrossEntropyGrad, softcapLogSumExp, softmaxGrad } from './rows';
export { nf4Unpack } from './nf4';
export { copyRows, gatherRows } from './move';
export { roundBf16, roundF16 } from './round';
