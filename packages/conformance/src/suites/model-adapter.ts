import type { LoraAdapter, Model } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { mulberry32 } from '../mulberry32.js';

/** An adapter to test with. */
export interface TestAdapter {
  readonly adapter: LoraAdapter;
  /** Its matrices by `<path>.a` and `<path>.b`. */
  readonly named: Readonly<Record<string, tf.Tensor>>;
  dispose(): void;
}

interface AdapterOptions {
  readonly seed: number;
  readonly rank?: number;
  readonly alpha?: number;
  readonly dropout?: number;
  readonly rankStabilized?: boolean;
  /** All of B is zero: an adapter as training begins with it. */
  readonly zero?: boolean;
  /** Factor of B. */
  readonly factor?: number;
  /** At most that many linears. Default: all. */
  readonly most?: number;
  /** Other linears than the model's, all of that shape. */
  readonly paths?: readonly string[];
  readonly shape?: readonly [out: number, inn: number];
}

/** An adapter on the linears of a model, with values that are the same each time. */
export function adapterOn(model: Model, options: AdapterOptions): TestAdapter {
  const { seed, rank = 2, alpha = 4, dropout = 0, rankStabilized = false, zero = false, factor = 1, most = Infinity, shape } = options;
  const random = mulberry32(seed);
  const matrix = (rows: number, columns: number, size: number): tf.Tensor2D =>
    tf.tensor2d(
      Float32Array.from({ length: rows * columns }, () => (2 * random() - 1) * size),
      [rows, columns],
    );
  const all = [...model.spec.linears.keys()];
  // Spread over the whole model: the first linears alone would leave the last blocks out.
  const paths =
    options.paths ??
    (all.length <= most ? all : Array.from({ length: most }, (_, at) => all[Math.floor(((at + 0.5) * all.length) / most)] ?? ''));
  const pairs = new Map(
    paths.map((path) => {
      const [out, inn] = shape ?? model.spec.linears.get(path) ?? [1, 1];
      const a = matrix(rank, inn, 1 / Math.sqrt(inn));
      const b = matrix(out, rank, zero ? 0 : 0.1 * factor);
      return [path, { a, b }] as const;
    }),
  );
  const named = Object.fromEntries([...pairs].flatMap(([path, { a, b }]) => [[`${path}.a`, a] as const, [`${path}.b`, b] as const]));
  return {
    adapter: { spec: { rank, alpha, dropout, targets: paths, rankStabilized }, pairs },
    named,
    dispose: () => tf.dispose(Object.values(named)),
  };
}
