import type { ReportData } from '../report-data.js';
import { REPORT_DATA_FILE } from '../run-facts.js';
import { emptyCell, words } from '../traced/cell.js';
import { pointerTo } from '../traced/json-pointer.js';
import { figures, type Table, texts } from '../traced/table.js';

/** Figures that one role's training measured at its saves, a row a figure and a column a step; undefined where there are none. */
export function healthTable({ cell, facts }: ReportData, role: 'av' | 'ar'): Table | undefined {
  const points = facts.health.map((point, index) => ({ ...point, index })).filter((point) => point.role === role);
  const names = [...new Set(points.flatMap((point) => Object.keys(point.figures)))];
  if (names.length === 0) return undefined;
  return {
    columns: [texts('figure'), ...points.map(({ step }) => figures(`step ${step}`))],
    rows: names.map((name) => {
      const pointer = (index: number) => pointerTo('health', index, 'figures', name);
      const first = points.find((point) => point.figures[name] !== undefined);
      return [
        cell('key', REPORT_DATA_FILE, pointer(first?.index ?? 0)),
        ...points.map((point) => (point.figures[name] === undefined ? emptyCell : cell('auto', REPORT_DATA_FILE, pointer(point.index)))),
      ];
    }),
  };
}

/** What the guard found when training began; undefined where no training has begun. */
export function guardTable({ cell, facts }: ReportData): Table | undefined {
  if (facts.guards.length === 0) return undefined;
  return {
    columns: [
      texts('role'),
      texts('verdict'),
      figures('median activation norm'),
      figures('median embedding norm'),
      figures('scale / activations'),
      figures('scale / embeddings'),
      texts('overruled by a person'),
    ],
    rows: facts.guards.map(({ role, override }, index) => {
      const at = (name: string) => pointerTo('guards', index, name);
      return [
        words(role.toUpperCase()),
        cell('text', REPORT_DATA_FILE, at('verdict')),
        cell('number', REPORT_DATA_FILE, at('medianActivationNorm')),
        cell('number', REPORT_DATA_FILE, at('medianEmbeddingNorm')),
        cell('number', REPORT_DATA_FILE, at('activationRatio')),
        cell('number', REPORT_DATA_FILE, at('embeddingRatio')),
        words(override ? 'yes' : 'no'),
      ];
    }),
  };
}
