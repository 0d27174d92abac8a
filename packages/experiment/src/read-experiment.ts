import { firstIssue, readConfig, schemaIssues } from '@nlakit/run';
import { experimentSchema, knownKeys, type ExperimentConfig } from './experiment-config.js';

/** An experiment file as read. */
export interface ExperimentFile {
  readonly config: ExperimentConfig;
  /** Absolute path. */
  readonly file: string;
  /** Its folder: paths in the experiment start here. */
  readonly folder: string;
}

/** Reads and checks an experiment file, YAML or a module. Throws `E_CONFIG` with file, line and column; the error's `cause` lists all issues. */
export async function readExperiment(path: string): Promise<ExperimentFile> {
  const source = await readConfig(path);
  const parsed = experimentSchema.safeParse(source.value);
  if (parsed.success) return { config: parsed.data as ExperimentConfig, file: source.file, folder: source.folder };
  const issues = schemaIssues(parsed.error.issues, source, {
    knownKeys,
    what: 'An experiment is a mapping of name, question, arms, figure and more.',
    fix: 'Start from one of examples/experiments.',
  });
  throw firstIssue(issues, '');
}
