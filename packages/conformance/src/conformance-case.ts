import type { Plugin, PluginContext, PluginKind, SeamMap } from '@nlakit/core';
import type { FixturesOf } from './fixtures.js';

/**
 * What a case is about. 1: the contract (types, errors, dispose, no leaks). 2: numbers, against references of the suite. 3: gradients,
 * against finite differences. 4: a tiny task from end to end. 5: speed, recorded and never judged.
 */
export type Level = 1 | 2 | 3 | 4 | 5;

/** More or less than a plugin declares, which is no failure by itself. */
export interface Finding {
  /** `undeclared`: it can or has what it does not say. `unused`: it says what it makes no use of. */
  readonly kind: 'undeclared' | 'unused';
  readonly message: string;
}

/** Why a case does not run: the plugin does not declare what it is about, or the fixtures lack what it needs. */
export interface Skip {
  readonly because: 'not-declared' | 'no-fixture';
  readonly reason: string;
}

/** The plugin under test, and what a case may do with it. */
export interface Subject<Kind extends PluginKind> {
  readonly plugin: Plugin<Kind>;
  readonly fixtures: FixturesOf<Kind>;
  /** Kinds that the plugin has asked its context for. */
  readonly asked: ReadonlySet<PluginKind>;
  /** The options of the fixtures, as a config would state them. */
  given(): Promise<object>;
  /** The options that the suite creates the plugin with, validated. */
  options(): Promise<unknown>;
  /** One instance that cases share. */
  shared(): Promise<SeamMap[Kind]>;
  /** A new instance, made with those options or with others. */
  create(options?: unknown, context?: Partial<PluginContext>): Promise<SeamMap[Kind]>;
  /** An empty folder, removed when the suite ends. */
  folder(): Promise<string>;
  report(finding: Finding): void;
  /** Something measured, for the report. */
  record(name: string, value: string | number | boolean): void;
}

/** One property that a plugin of that kind must have. */
export interface ConformanceCase<Kind extends PluginKind> {
  /** Stable: mutants, reports and people refer to it. */
  readonly name: string;
  readonly level: Level;
  /** Whether there is anything to test. */
  readonly skip?: (subject: Subject<Kind>) => Promise<Skip | undefined> | Skip | undefined;
  readonly run: (subject: Subject<Kind>) => Promise<void> | void;
}
