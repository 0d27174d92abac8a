import { join } from 'node:path';

/** A trained role: the verbalizer or the reconstructor. */
export type Role = 'av' | 'ar';

/** Name of a step's folder: `step_000050`. */
export function stepName(step: number): string {
  return `step_${String(step).padStart(6, '0')}`;
}

/** The step that a folder or file name states, or undefined for any other name. */
export function stepOfName(name: string): number | undefined {
  const match = /^step_(\d{6,})(?:\.json)?$/.exec(name);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

/** The paths of a run folder. */
export interface RunLayout {
  readonly folder: string;
  /** The resolved run; written once. */
  readonly runFile: string;
  /** One JSON object a line, appended. */
  readonly eventsFile: string;
  readonly dataFolder: string;
  /** Hashes of what the data stage left. */
  readonly dataManifest: string;
  /** Checkpoints: `trajectory/` for the AV, `reconstructor/` for the AR. */
  checkpoints(role: Role): string;
  checkpoint(role: Role, step: number): string;
  /** States to resume from; never published. */
  resume(role: Role): string;
  /** Results of one evaluator. */
  evaluations(evaluator: string): string;
  evaluation(evaluator: string, step: number): string;
  readonly reportFolder: string;
}

/** The paths of the run in `folder`. Nothing is read or made. */
export function runLayout(folder: string): RunLayout {
  const checkpoints = (role: Role): string => join(folder, role === 'av' ? 'trajectory' : 'reconstructor');
  const evaluations = (evaluator: string): string => join(folder, 'eval', evaluator);
  return {
    folder,
    runFile: join(folder, 'run.json'),
    eventsFile: join(folder, 'events.jsonl'),
    dataFolder: join(folder, 'data'),
    dataManifest: join(folder, 'data', 'manifest.json'),
    checkpoints,
    checkpoint: (role, step) => join(checkpoints(role), stepName(step)),
    resume: (role) => join(folder, 'resume', role),
    evaluations,
    evaluation: (evaluator, step) => join(evaluations(evaluator), `${stepName(step)}.json`),
    reportFolder: join(folder, 'report'),
  };
}
