import type { Figures, HeadlineColumn, JsonValue, SeedStreams } from '@nlakit/core';
import { binomialUpperP, bootstrapMean, effectOf, mean, wilsonInterval } from '@nlakit/metrics';
import { storedEffect, type StoredEffect } from '@nlakit/nla/evaluation';
import type { JudgeStatistics } from './options.js';
import type { Condition } from './questions.js';
import { scales } from './read-answers.js';
import type { JudgedRow } from './stored-rows.js';

/** A share or a mean with its 95 % interval from resampled documents. */
interface Interval {
  readonly [key: string]: JsonValue;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** How often the source was chosen. Answers that choose nothing count as wrong. */
export interface ChoiceFigures {
  readonly [key: string]: JsonValue;
  readonly n: number;
  readonly correct: number;
  readonly accuracy: Interval;
  /** Wilson's interval, as if rows were independent. */
  readonly wilson: { readonly low: number; readonly high: number };
  /** Exact one-sided binomial p against chance, as if rows were independent. */
  readonly p: number;
  /** The same from the first row of each document: exact whatever rows of one document have in common. */
  readonly documents: { readonly n: number; readonly correct: number; readonly p: number };
  readonly unparsed: number;
}

/** Grades from 1 to 5. Answers without grades count as 1. */
export interface RubricFigures {
  readonly [key: string]: JsonValue;
  readonly n: number;
  readonly validity: Interval;
  readonly specificity: Interval;
  readonly relatedness: Interval;
  /** Mean of the three. */
  readonly overall: Interval;
  readonly unparsed: number;
}

/** The `summary` of a judge's evaluation. */
export interface JudgeSummary {
  readonly [key: string]: JsonValue;
  readonly n: number;
  readonly documentCount: number;
  readonly candidates: number;
  readonly chance: number;
  readonly choice: Readonly<Partial<Record<Condition, ChoiceFigures>>>;
  readonly rubric: Readonly<Partial<Record<Condition, RubricFigures>>>;
  /** How often each place was chosen, over all conditions, and how likely its most frequent one would be for a judge without preference. */
  readonly positions: {
    readonly chosen: readonly number[];
    readonly correct: readonly number[];
    readonly mostShare: number;
    readonly p: number;
  };
  /** Differences on the same rows, by name: `choice: AV_OUT - SHUFFLED`. */
  readonly effects: Readonly<Record<string, StoredEffect>>;
}

const conditions: readonly Condition[] = ['AV_OUT', 'GOLD', 'SHUFFLED'];
const comparisons: readonly (readonly [Condition, Condition])[] = [
  ['AV_OUT', 'SHUFFLED'],
  ['GOLD', 'SHUFFLED'],
  ['GOLD', 'AV_OUT'],
];

/** Adds stored rows up; nothing else goes into the figures but seed and options. */
export function summarizeJudge(rows: readonly JudgedRow[], options: JudgeStatistics, seeds: SeedStreams): JudgeSummary {
  const clusters = rows.map(({ documentId }) => documentId);
  const uniform = (name: string): (() => number) => {
    const stream = seeds.stream(`${options.seedName}.${name}`);
    return () => stream.uniform();
  };
  const interval = (name: string, values: readonly number[]): Interval => {
    const { value, low, high } = bootstrapMean(values, { random: uniform(name), resamples: options.bootstrap, clusters });
    return { value, low, high };
  };
  const chance = 1 / options.candidates;
  const choiceFigures = (condition: Condition): ChoiceFigures => {
    const hits = rows.map((row) => hitOf(row, condition));
    const correct = hits.reduce((sum, hit) => sum + hit, 0);
    const { low, high } = wilsonInterval(correct, hits.length);
    const firsts = rows.flatMap((_, at) => (clusters.indexOf(clusters[at] ?? '') === at ? [hits[at] ?? 0] : []));
    const firstCorrect = firsts.reduce((sum, hit) => sum + hit, 0);
    return {
      n: hits.length,
      correct,
      accuracy: interval(`choice.${condition}`, hits),
      wilson: { low, high },
      p: binomialUpperP(correct, hits.length, chance),
      documents: { n: firsts.length, correct: firstCorrect, p: binomialUpperP(firstCorrect, firsts.length, chance) },
      unparsed: rows.filter(({ choice }) => choice[condition]?.chosen === null).length,
    };
  };
  const rubricFigures = (condition: Condition): RubricFigures => {
    const on = (scale: (typeof scales)[number]): Interval =>
      interval(
        `rubric.${condition}.${scale}`,
        rows.map(({ rubric }) => rubric[condition]?.grades?.[scale] ?? 1),
      );
    return {
      n: rows.length,
      validity: on('validity'),
      specificity: on('specificity'),
      relatedness: on('relatedness'),
      overall: interval(
        `rubric.${condition}.overall`,
        rows.map((row) => overallOf(row, condition)),
      ),
      unparsed: rows.filter(({ rubric }) => rubric[condition]?.grades === null).length,
    };
  };
  const askedOf = (kind: 'choice' | 'rubric'): Condition[] =>
    conditions.filter((condition) => rows.every((row) => row[kind][condition] !== undefined));
  const effects = (['choice', 'rubric'] as const).flatMap((kind) =>
    comparisons
      .filter((pair) => pair.every((condition) => askedOf(kind).includes(condition)))
      .map(([first, second]) => {
        const valueOf = kind === 'choice' ? hitOf : overallOf;
        const name = `${kind}: ${first} - ${second}`;
        const differences = rows.map((row) => valueOf(row, first) - valueOf(row, second));
        const { bootstrap: resamples, permutations } = options;
        return [name, storedEffect(effectOf(differences, { random: uniform(name), resamples, permutations, clusters }))] as const;
      }),
  );
  return {
    n: rows.length,
    documentCount: new Set(clusters).size,
    candidates: options.candidates,
    chance,
    choice: Object.fromEntries(askedOf('choice').map((condition) => [condition, choiceFigures(condition)])),
    rubric: Object.fromEntries(askedOf('rubric').map((condition) => [condition, rubricFigures(condition)])),
    positions: positionFigures(rows, options.candidates),
    effects: Object.fromEntries(effects),
  };
}

function hitOf({ choice }: JudgedRow, condition: Condition): number {
  const found = choice[condition];
  return found !== undefined && found.chosen === found.correct ? 1 : 0;
}

function overallOf({ rubric }: JudgedRow, condition: Condition): number {
  const grades = rubric[condition]?.grades;
  return mean(scales.map((scale) => grades?.[scale] ?? 1));
}

function positionFigures(rows: readonly JudgedRow[], candidates: number): JudgeSummary['positions'] {
  const all = rows.flatMap(({ choice }) => Object.values(choice));
  const count = (value: (one: (typeof all)[number]) => number | null): number[] =>
    Array.from({ length: candidates }, (_, place) => all.filter((one) => value(one) === place).length);
  const chosen = count((one) => one.chosen);
  const total = chosen.reduce((sum, one) => sum + one, 0);
  const most = Math.max(...chosen);
  return {
    chosen,
    correct: count((one) => one.correct),
    mostShare: total === 0 ? 0 : most / total,
    // Bonferroni: any place might have been the most frequent one.
    p: total === 0 ? 1 : Math.min(1, candidates * binomialUpperP(most, total, 1 / candidates)),
  };
}

/** The few figures for tables. Only what was measured is in it. */
export function headlineOf({ n, chance, choice, rubric, effects }: JudgeSummary): Figures {
  const unparsed = [...Object.values(choice), ...Object.values(rubric)].reduce((sum, one) => sum + one.unparsed, 0);
  const all: Readonly<Record<string, number | undefined>> = {
    n,
    chosen: choice.AV_OUT?.accuracy.value,
    chosenLow: choice.AV_OUT?.accuracy.low,
    chosenHigh: choice.AV_OUT?.accuracy.high,
    chosenP: choice.AV_OUT?.documents.p,
    chosenChance: choice.AV_OUT === undefined ? undefined : chance,
    chosenGold: choice.GOLD?.accuracy.value,
    chosenShuffled: choice.SHUFFLED?.accuracy.value,
    grade: rubric.AV_OUT?.overall.value,
    gradeGold: rubric.GOLD?.overall.value,
    gradeShuffled: rubric.SHUFFLED?.overall.value,
    gradeEffect: effects['rubric: AV_OUT - SHUFFLED']?.value,
    gradeLow: effects['rubric: AV_OUT - SHUFFLED']?.low,
    gradeHigh: effects['rubric: AV_OUT - SHUFFLED']?.high,
    unparsed,
  };
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, number] => entry[1] !== undefined));
}

/** How tables show the headline. */
export const columns: readonly HeadlineColumn[] = [
  { figure: 'chosen', label: 'source chosen', interval: ['chosenLow', 'chosenHigh'] },
  { figure: 'chosenP', label: 'p' },
  { figure: 'chosenShuffled', label: 'SHUFFLED' },
  { figure: 'chosenGold', label: 'GOLD' },
  { figure: 'grade', label: 'grade' },
  { figure: 'gradeEffect', label: 'grade over SHUFFLED', interval: ['gradeLow', 'gradeHigh'] },
  { figure: 'unparsed', label: 'unparsed' },
];
