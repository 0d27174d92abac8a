import { TILE, TILE_GROUP } from './kernels/tiled-product.js';

/** A product of small matrices that a GPU computes by the invocations of a subgroup together: `[m, k]` by `[k, n]`, f16 with f32 sums. */
export interface MatrixUnit {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Subgroups of a workgroup that get a part of its tile. */
  readonly subgroups: number;
}

/** Features of WebGPU that such products take. They are experimental, so Dawn has to be told that it may offer them. */
export const matrixFeatures = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'] as const;

/** What {@link chooseMatrixUnit} looks at of an adapter. The types of WebGPU do not know subgroup matrices yet. */
export interface MatrixOffer {
  readonly features: ReadonlySet<string>;
  readonly limits: { readonly maxComputeWorkgroupStorageSize: number };
  readonly info: object;
}

interface MatrixInfo {
  readonly subgroupMaxSize?: number;
  readonly subgroupMatrixConfigs?: Iterable<MatrixConfig>;
}

interface MatrixConfig {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly componentType: string;
  readonly resultComponentType: string;
}

/** Elements along the sum that a workgroup has in its memory at a time. */
export const MATRIX_DEPTH = 32;

/** Bytes of workgroup memory that `matrixProduct` takes at most, beside the results: tiles of f16, with padding, and small tables. */
const TILE_BYTES = 2 * (TILE * (MATRIX_DEPTH + 8) + Math.max(TILE * (MATRIX_DEPTH + 8), MATRIX_DEPTH * (TILE + 8))) + 1024;

/** Bytes of workgroup memory for one result of each subgroup. */
const resultBytes = ({ m, n, subgroups }: MatrixUnit): number => 4 * m * n * subgroups;

/** The largest product that the adapter offers and our kernel fits; else why there is none, in a few words. */
export function chooseMatrixUnit({ features, limits, info }: MatrixOffer): MatrixUnit | string {
  const missing = matrixFeatures.filter((feature) => !features.has(feature));
  if (missing.length > 0) return `the adapter has no ${missing.join(', ')}`;
  const { subgroupMaxSize = 0, subgroupMatrixConfigs = [] } = info as MatrixInfo;
  if (subgroupMaxSize < 1 || TILE_GROUP % subgroupMaxSize !== 0) return `subgroups have up to ${subgroupMaxSize} invocations`;
  const fitting = [...subgroupMatrixConfigs]
    .filter(({ componentType, resultComponentType }) => componentType === 'f16' && resultComponentType === 'f32')
    .filter(({ M, N, K }) => TILE % M === 0 && TILE % N === 0 && MATRIX_DEPTH % K === 0)
    .map(({ M, N, K }) => ({ m: M, n: N, k: K, subgroups: Math.min(TILE_GROUP / subgroupMaxSize, (TILE / M) * (TILE / N)) }))
    .filter((unit) => TILE_BYTES + resultBytes(unit) <= limits.maxComputeWorkgroupStorageSize)
    .sort((one, other) => other.m * other.n * other.k - one.m * one.n * one.k);
  return fitting[0] ?? 'the adapter offers none of f16 with sums in f32 that fits';
}
