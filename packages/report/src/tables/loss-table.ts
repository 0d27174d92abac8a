import type { ReportData } from '../report-data.js';
import { REPORT_DATA_FILE } from '../run-facts.js';
import { emptyCell, words } from '../traced/cell.js';
import { pointerTo } from '../traced/json-pointer.js';
import { figures, type Table, texts, withoutEmptyColumns } from '../traced/table.js';

/** Losses of the AV at its checkpoints: of the step itself, since the checkpoint before, and on rows that it is not trained on. */
export function lossTable({ cell, steps, facts }: ReportData): Table {
  const held = (name: string, sidecar: string) => cell('number', sidecar, pointerTo('metrics', name));
  return withoutEmptyColumns({
    columns: [
      figures('step'),
      figures('loss'),
      figures('mean loss since the checkpoint before'),
      figures('held-out loss'),
      figures('held-out loss with the vectors of other documents'),
      figures('empty outputs'),
      texts('notes'),
    ],
    rows: steps.map(({ step, sidecar, retracted }) => {
      const place = facts.losses.av.findIndex((point) => point.step === step);
      return [
        cell('count', sidecar, '/step'),
        place < 0 ? emptyCell : cell('number', REPORT_DATA_FILE, pointerTo('losses', 'av', place, 'loss')),
        held('trainLossMean', sidecar),
        held('heldOutLoss', sidecar),
        held('shuffledLoss', sidecar),
        cell('auto', sidecar, '/metrics/emptyOutputs'),
        words(retracted ? 'retracted' : ''),
      ];
    }),
  });
}
