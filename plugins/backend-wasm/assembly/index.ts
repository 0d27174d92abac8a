export { gemm, gemmScratchBytes } from './gemm';
export { accumulate, exp, geglu, gegluGrad, tanh } from './elementwise';
