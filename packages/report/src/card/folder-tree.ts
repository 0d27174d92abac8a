import type { ReportData } from '../report-data.js';
import { stepOfName } from '@nlakit/run';

/** The folders that are there, as a list: nothing that is planned, and no step that does not exist. */
export function folderTree({ paths, steps }: Pick<ReportData, 'paths' | 'steps'>): readonly string[] {
  const folders = [...new Set(paths.map((path) => path.slice(0, path.lastIndexOf('/') + 1)))].filter((folder) => folder !== '').sort();
  const width = Math.max(0, ...folders.map((folder) => folder.length)) + 2;
  const retracted = new Set(steps.filter((one) => one.retracted).map(({ step }) => step));
  return folders.map((folder) => `${folder.padEnd(width)}${meaningOf(folder, retracted)}`.trimEnd());
}

function meaningOf(folder: string, retracted: ReadonlySet<number>): string {
  const [top = '', name = ''] = folder.split('/');
  const step = stepOfName(name);
  if (top === 'trajectory' && step !== undefined) return `AV after ${step} steps${retracted.has(step) ? ', RETRACTED' : ''}`;
  if (top === 'reconstructor' && step !== undefined) return `AR after ${step} steps`;
  if (top === 'eval') return name === '' ? 'evaluations' : `rows and summaries of ${name}`;
  if (top === 'figures') return 'figures of this card';
  if (top === 'data') return 'sidecars of the data';
  return '';
}
