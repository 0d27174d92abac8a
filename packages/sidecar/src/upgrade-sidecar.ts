import type { Sidecar } from './types.js';
import { writeDatasetSidecar, writeModelSidecar } from './write-sidecar.js';

/**
 * The text of a sidecar of any dialect in the one schema that is written today. Nothing is added but what reading it resolved (scales as
 * numbers, one spelling); keys outside the schema are kept below `x_…`, and what is missing stays missing.
 */
export function upgradeSidecar(sidecar: Sidecar): string {
  const extensions = Object.fromEntries(
    Object.entries(sidecar.extensions).map(([key, value]) => [key.startsWith('x_') ? key : `x_${key}`, value] as const),
  );
  return sidecar.kind === 'nla_model' ? writeModelSidecar({ ...sidecar, extensions }) : writeDatasetSidecar({ ...sidecar, extensions });
}
