import { RETRACTIONS_FILE, stepName } from '@nlakit/run';
import type { ReportData } from '../report-data.js';
import { pointerTo } from '../traced/json-pointer.js';
import { type Sentence, sentence } from '../traced/sentence.js';

/** A group of steps that were retracted together, and still are. */
export interface RetractedGroup {
  readonly folders: readonly string[];
  /** Why and when, traced to the list of retractions. */
  readonly why: Sentence;
}

/** What a correction banner says: which folders, why, and since when; in the order in which it was said. */
export function retractedGroups({ retractions, cell }: ReportData): readonly RetractedGroup[] {
  return retractions.history.flatMap((_, entry) => {
    const steps = [...retractions.steps.values()].filter((retraction) => retraction.entry === entry);
    if (steps.length === 0) return [];
    const reason = cell('text', RETRACTIONS_FILE, pointerTo('history', entry, 'reason'));
    const at = cell('text', RETRACTIONS_FILE, pointerTo('history', entry, 'at'));
    return [{ folders: steps.map(({ step }) => `trajectory/${stepName(step)}`), why: sentence`${reason} (retracted ${at})` }];
  });
}

/** What every banner says besides. */
export const notWithdrawn =
  'These checkpoints are kept, so that results that rest on them can be checked; they are not withdrawn, and they are left out of everything that is concluded below.';
