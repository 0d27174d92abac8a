export { conformanceCases } from './conformance-cases.js';
export type { ConformanceCase, Finding, Level, Skip, Subject } from './conformance-case.js';
export type { CaseResult, ConformanceReport } from './conformance-report.js';
export type {
  CommonFixtures,
  DatasetFixtures,
  EvaluatorFixtures,
  FixturesByKind,
  FixturesOf,
  LabelerFixtures,
  ModelFixtures,
  PublisherFixtures,
  QuantizerFixtures,
  TrainerFixtures,
} from './fixtures.js';
export { runConformance, writeConformanceReport } from './run-conformance.js';
export type { RunOptions } from './run-conformance.js';
export * from './toy/index.js';
