import { average, effect, stepDown, uniformStream } from './statistics.js';

/** What is read of an `experiment.json`. */
export interface StoredExperiment {
  readonly rows: readonly {
    readonly id: string;
    readonly documentId: string;
    readonly values: Readonly<Record<string, Readonly<Record<string, readonly (number | null)[]>>>>;
  }[];
  readonly arms: readonly {
    readonly id: string;
    readonly x: number | null;
    readonly steps: readonly number[];
    readonly runs: readonly { readonly seed: number }[];
  }[];
  readonly factor?: { readonly scale?: string };
  readonly reference: string;
  readonly effects: readonly { readonly name: string }[];
  readonly statistics: { readonly seed: number; readonly bootstrap: number; readonly permutations: number };
  readonly primary: { readonly effect: string; readonly per: number; readonly atLeast?: number; readonly atMost?: number };
}

/** Effects and verdict of an experiment from its rows; every effect has a stream of its own. */
export function recomputeExperiment(stored: StoredExperiment) {
  const { rows, arms, statistics, primary } = stored;
  const armOf = (id: string) => arms.find((arm) => arm.id === id);
  const lastOf = (id: string): [string, number] => [id, armOf(id)?.steps.at(-1) ?? NaN];
  const ids = arms.map(({ id }) => id);

  /** Points (arm and step) with the weight each has in a row's contribution. */
  const pointsOf = (name: string): { points: [string, number][]; weights: number[]; places?: readonly number[] } => {
    const [kind = ''] = name.split('.', 1);
    const rest = name.slice(kind.length + 1);
    if (kind === 'mean') return { points: [lastOf(rest)], weights: [1] };
    if (kind === 'step') {
      const [step = ''] = rest.split('.', 1);
      return { points: [[rest.slice(step.length + 1), Number(step)]], weights: [1] };
    }
    if (kind === 'difference') {
      // Names of arms may hold dots: the pair is the one whose names make up the effect's.
      const pair = ids.flatMap((one) => ids.map((other) => [one, other] as const)).find((both) => both.join('.') === rest) ?? ['', ''];
      return { points: [lastOf(pair[0]), lastOf(pair[1])], weights: [1, -1] };
    }
    if (name === 'trend.factor') {
      const placed = arms.filter(({ x }) => x !== null);
      const places = placed.map(({ x }) => (stored.factor?.scale === 'log2' ? Math.log2(x ?? NaN) : (x ?? NaN)));
      return { points: placed.map(({ id }) => lastOf(id)), weights: slope(places), places };
    }
    const arm = rest.slice('step.'.length);
    const steps = armOf(arm)?.steps ?? [];
    return { points: steps.map((step) => [arm, step]), weights: slope(steps), places: steps };
  };

  const effects = stored.effects.map(({ name }) => {
    const { points, weights, places = [] } = pointsOf(name);
    const cells = rows.map(({ values }) => points.map(([arm, step]) => values[arm]?.[String(step)] ?? []));
    const whole = rows.flatMap((_, row) =>
      (cells[row] ?? []).every((runs) => runs.length > 0 && runs.every((value) => value !== null)) ? [row] : [],
    );
    const contribution = (row: number, run?: number) =>
      (cells[row] ?? []).reduce((sum, runs, place) => {
        const some = (run === undefined || runs.length === 1 ? runs : runs.slice(run, run + 1)).filter((value) => value !== null);
        return sum + (weights[place] ?? NaN) * average(some);
      }, 0);
    const documents = whole.map((row) => rows[row]?.documentId ?? '');
    const found = effect(
      whole.map((row) => contribution(row)),
      documents,
      uniformStream(`${statistics.seed}|experiment.${name}`),
      statistics,
    );
    const seeds = [...new Set(arms.flatMap(({ runs }) => (runs.length > 1 ? runs.map(({ seed }) => seed) : [])))];
    const bySeed = seeds.map((seed, run) => ({ seed, value: average(whole.map((row) => contribution(row, run))) }));
    // The line through the means: their mean less slope times the mean place.
    const trend = name.startsWith('trend.');
    const level = average(whole.map((row) => average((cells[row] ?? []).map((runs) => average(runs.filter((value) => value !== null))))));
    return {
      name,
      ...found,
      documents: new Set(documents).size,
      ...(trend ? { intercept: level - found.value * average(places) } : {}),
      ...(seeds.length > 1 ? { bySeed } : {}),
    };
  });
  const family = (test: (name: string) => boolean) => {
    const members = effects.filter(({ name }) => test(name));
    return new Map(members.map(({ name }, index) => [name, stepDown(members.map(({ p }) => p))[index] ?? null]));
  };
  const differences = family((name) => ids.some((id) => name === `difference.${id}.${stored.reference}`));
  const trends = family((name) => name.startsWith('trend.step.'));
  const own = effects.find(({ name }) => name === primary.effect);
  const per = (value = NaN) => primary.per * value;
  const [low, high] = [per(own?.low), per(own?.high)];
  return {
    effects: effects.map((one) => ({ ...one, pHolm: differences.get(one.name) ?? trends.get(one.name) ?? null })),
    primary: {
      per: primary.per,
      ...(primary.atLeast === undefined ? {} : { atLeast: primary.atLeast }),
      ...(primary.atMost === undefined ? {} : { atMost: primary.atMost }),
      value: per(own?.value),
      low,
      high,
      p: own?.p,
      verdict:
        primary.atLeast === undefined
          ? high <= (primary.atMost ?? NaN)
            ? 'met'
            : low > (primary.atMost ?? NaN)
              ? 'not met'
              : 'undecided'
          : low >= primary.atLeast
            ? 'met'
            : high < primary.atLeast
              ? 'not met'
              : 'undecided',
      ...(own !== undefined && 'bySeed' in own && own.bySeed !== undefined
        ? {
            seeds: {
              on: own.bySeed.filter(({ value }) =>
                primary.atLeast === undefined ? per(value) <= (primary.atMost ?? NaN) : per(value) >= primary.atLeast,
              ).length,
              of: own.bySeed.length,
            },
          }
        : {}),
    },
  };
}

/** Weights with which a least-squares slope over these places is a sum of the values. */
function slope(places: readonly number[]): number[] {
  const centre = average(places);
  const spread = places.reduce((sum, place) => sum + (place - centre) ** 2, 0);
  return places.map((place) => (place - centre) / spread);
}
