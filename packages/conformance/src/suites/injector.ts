import type { Injector, Summary, TokenContract } from '@nlakit/core';
import { check, checkBits, checkNear, checkRefuses, checkSame } from '../check.js';
import type { ConformanceCase } from '../conformance-case.js';

const contract: TokenContract = { injectionChar: '㊗', injectionTokenId: 9, leftNeighborId: 7, rightNeighborId: 8, criticSuffixIds: null };

const missed: readonly (readonly [what: string, row: readonly number[]])[] = [
  ['A row without a marker', [2, 7, 3, 8, 1]],
  ['A row with two slots', [7, 9, 8, 7, 9, 8]],
  ['A slot with a stray marker behind it', [7, 9, 8, 9, 1]],
  ['A marker with a wrong left neighbour', [2, 6, 9, 8, 1]],
  ['A marker with a wrong right neighbour', [2, 7, 9, 6, 1]],
  ['A marker at the left edge', [9, 8, 1]],
  ['A marker at the right edge', [2, 7, 9]],
];

/** What an injector must do: find exactly one slot a row, rescale exactly, and judge a scale by what the model has seen. */
export function injectorCases(): ConformanceCase<'injector'>[] {
  return [
    {
      name: 'injector: finds the one slot of every row',
      level: 1,
      run: async (subject) => {
        const injector = await subject.shared();
        const tokens = Int32Array.from([2, 7, 9, 8, 1, 2, 3, 7, 9, 8]);
        const before = tokens.slice();
        const slots = injector.locate(tokens, 2, contract).map(({ row, position }) => ({ row, position }));
        checkSame(
          slots,
          [
            { row: 0, position: 2 },
            { row: 1, position: 3 },
          ],
          'The slots are elsewhere.',
        );
        checkBits(tokens, before, 'locate changes the tokens.');
        check(['marker', 'pad'].includes(injector.perLayerIds), 'perLayerIds is neither marker nor pad.', String(injector.perLayerIds));
      },
    },
    {
      name: 'injector: a miss is an error',
      level: 1,
      run: async (subject) => {
        const injector = await subject.shared();
        for (const [what, row] of missed) {
          const good = [7, 9, 8, 1, 1, 1].slice(0, row.length);
          await checkRefuses(what, () => injector.locate(Int32Array.from([...good, ...row]), 2, contract), 'E_INJECTION_SLOT');
        }
        await checkRefuses('A batch of rows of different lengths', () => injector.locate(new Int32Array(5), 2, contract));
      },
    },
    {
      name: 'injector: refuses values that cannot be injected',
      level: 1,
      run: async (subject) => {
        const injector = await subject.shared();
        for (const value of [NaN, Infinity, -Infinity]) {
          await checkRefuses(
            `A vector with ${value}`,
            () => injector.apply([{ row: 0, position: 1 }], Float32Array.from([1, value]), 1),
            'E_INJECTION_VALUE',
          );
        }
        const slots = [
          { row: 0, position: 1 },
          { row: 1, position: 1 },
        ];
        await checkRefuses('Three numbers for two slots', () => injector.apply(slots, new Float32Array(3), 1));
      },
    },
    {
      name: 'injector: is pure',
      level: 1,
      run: async (subject) => {
        const injector = await subject.shared();
        const vectors = Float32Array.from([3, 4, 0, 1]);
        const first = applied(injector, vectors, 2, null);
        checkBits(vectors, [3, 4, 0, 1], 'apply changes the vectors it is given.');
        vectors.fill(99);
        checkBits(
          first.flatMap((vector) => [...vector]),
          [3, 4, 0, 1],
          'An override shares the memory of the vectors it was made from.',
        );
        checkSame(injector.scale(16), injector.scale(16), 'scale answers differently the second time.');
      },
    },
    {
      name: 'injector: places each vector at its slot, at the scale and in its direction',
      level: 2,
      run: async (subject) => {
        const injector = await subject.shared();
        const slots = [
          { row: 0, position: 2 },
          { row: 1, position: 3 },
        ];
        const overrides = injector.apply(slots, Float32Array.from([3, 4, 0, 0, 0, -2]), 10);
        checkSame(
          overrides.map(({ row, position }) => ({ row, position })),
          slots,
          'Overrides stand elsewhere than their slots.',
        );
        const [first, second] = overrides.map(({ vector }) => valuesOf(vector));
        checkNear(first ?? [], [6, 8, 0], 1e-6, 'The first vector is not brought to the norm 10.');
        checkNear(second ?? [], [0, 0, -10], 1e-6, 'The second vector is not brought to the norm 10.');
      },
    },
    {
      name: 'injector: leaves zero at zero, and everything as it is without a scale',
      level: 2,
      run: async (subject) => {
        const injector = await subject.shared();
        checkBits(applied(injector, new Float32Array(3), 1, 10)[0] ?? [], [0, 0, 0], 'A zero vector does not stay zero.');
        checkBits(
          applied(injector, Float32Array.from([3, 4]), 1, null)[0] ?? [],
          [3, 4],
          'A vector is changed although there is no scale.',
        );
      },
    },
    {
      name: 'injector: has a scale for every width',
      level: 2,
      run: async (subject) => {
        const injector = await subject.shared();
        for (const dModel of [16, 1536, 3840]) {
          const scale = injector.scale(dModel);
          check(
            scale === null || (Number.isFinite(scale) && scale > 0),
            'The scale is no positive number.',
            String(scale),
            'a norm, or null',
          );
        }
      },
    },
    {
      name: 'injector: accepts a scale the model has seen, and refuses one carried over from another model',
      level: 2,
      run: async (subject) => {
        const injector = await subject.shared();
        const stats = { activationNorms: norms(40), embeddingNorms: norms(40) };
        const good = injector.guard(stats, 40);
        check(good.verdict === 'accepted', 'A scale that equals both medians is not accepted.', good.verdict);
        checkNear([good.activationRatio ?? NaN, good.embeddingRatio ?? NaN], [1, 1], 1e-9, 'The ratios are wrong.');
        checkSame([good.medianActivationNorm, good.medianEmbeddingNorm], [40, 40], 'The medians are wrong.');
        check(good.reasons.length > 0, 'A verdict needs its reasons.');
        for (const scale of [20000, 0.05]) {
          const { verdict } = injector.guard(stats, scale);
          check(verdict === 'refused', `A scale ${scale / 40} times what the model has seen is not refused.`, verdict, 'refused');
        }
        const { verdict } = injector.guard({ activationNorms: norms(40), embeddingNorms: norms(1) }, 40);
        check(verdict !== 'accepted', 'A scale that fits activations and not embeddings is accepted without a word.', verdict);
      },
    },
  ];
}

function applied(injector: Injector, vectors: Float32Array, count: number, scale: number | null): Float32Array[] {
  const slots = Array.from({ length: count }, (_, row) => ({ row, position: 1 }));
  return injector.apply(slots, vectors, scale).map(({ vector }) => valuesOf(vector));
}

function valuesOf(vector: ReturnType<Injector['apply']>[number]['vector']): Float32Array {
  return vector instanceof Float32Array ? vector : (vector.dataSync() as Float32Array);
}

function norms(median: number): Summary {
  return { count: 100, mean: median, median, minimum: median / 2, maximum: median * 2, standardDeviation: median / 10 };
}
