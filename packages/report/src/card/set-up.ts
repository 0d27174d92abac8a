import type { JsonValue } from '@nlakit/core';
import { newestStep, type ReportData } from '../report-data.js';
import { objectAt } from '../read-json.js';
import { REPORT_DATA_FILE } from '../run-facts.js';
import type { CellFormat } from '../traced/cell.js';
import { pointerTo } from '../traced/json-pointer.js';
import { type Sentence, sentence } from '../traced/sentence.js';

/** How a trajectory was made, a sentence a fact, each taken from the newest sidecars or the facts of the run. */
export function setUp(data: ReportData): readonly Sentence[] {
  const { cell, facts, reconstructor, documents } = data;
  const step = newestStep(data) ?? data.steps.at(-1);
  const found: Sentence[] = [];
  const say = (label: string, ...parts: readonly (readonly [string, CellFormat, string, string])[]): void => {
    const shown = parts
      .map(([name, format, file, pointer]) => ({ name, value: cell(format, file, pointer) }))
      .filter(({ value }) => value.text !== '');
    if (shown.length === 0) return;
    const words = shown.map(({ name }, index) => `${index === 0 ? `${label}: ` : ', '}${name}${name === '' ? '' : ' '}`);
    found.push({ words: [...words, ''], cells: shown.map(({ value }) => value) });
  };
  const ofFacts = (...path: readonly (string | number)[]) => pointerTo(...path);
  say('Base model', ['', 'text', REPORT_DATA_FILE, ofFacts('baseModel')]);
  say('Layer', ['output of block', 'count', REPORT_DATA_FILE, ofFacts('layer')]);
  facts.settings.forEach(([label], index) => {
    say(label, ['', 'text', REPORT_DATA_FILE, ofFacts('settings', index, 1)]);
  });
  for (const [role, file] of [
    ['AV', step?.sidecar],
    ['AR', reconstructor?.sidecar],
  ] as const) {
    if (file === undefined) continue;
    const training = objectAt(documents(file), 'training');
    say(
      `${role} adapter`,
      ['LoRA rank', 'auto', file, '/adapter/r'],
      ['alpha', 'auto', file, '/adapter/alpha'],
      ['dropout', 'auto', file, '/adapter/dropout'],
      ['modules', 'auto', file, '/adapter/adapted_modules'],
      ['trainable parameters', 'auto', file, '/adapter/trainable_params'],
    );
    say(
      `${role} training`,
      ['', 'text', file, '/training/optimizer'],
      ['learning rate', 'auto', file, '/training/lr'],
      ['', 'text', file, '/training/schedule'],
      ['effective batch', 'auto', file, '/training/effective_batch'],
      ['longest row in tokens', 'auto', file, '/training/max_length'],
      ['steps', 'auto', file, typeof training['steps_completed'] === 'number' ? '/training/steps_completed' : '/step'],
      ['rows seen', 'auto', file, '/training/rows_seen'],
    );
    say(
      `${role} data`,
      ['', 'text', file, '/training_data/dataset_id'],
      ['split', 'text', file, '/training_data/split'],
      ['rows', 'auto', file, '/training_data/n_rows'],
      ['sha256', 'text', file, '/training_data/sha256'],
    );
  }
  if (step !== undefined) {
    say(
      'Injection',
      ['scale', 'auto', step.sidecar, '/extraction/injection_scale'],
      ['per-layer embedding ids of the', 'text', step.sidecar, '/extraction/ple_mode'],
      ['marker', 'text', step.sidecar, '/tokens/injection_char'],
      ['its token', 'auto', step.sidecar, '/tokens/injection_token_id'],
    );
  }
  if (facts.splits['heldOut'] !== undefined) {
    say(
      'Held-out rows',
      ['', 'auto', REPORT_DATA_FILE, '/splits/heldOut/rows'],
      ['sha256', 'text', REPORT_DATA_FILE, '/splits/heldOut/sha256'],
    );
  }
  say('Hardware', ['', 'text', REPORT_DATA_FILE, '/machine']);
  say('Training time', ['AV', 'seconds', REPORT_DATA_FILE, '/seconds/av'], ['AR', 'seconds', REPORT_DATA_FILE, '/seconds/ar']);
  say('Seed', ['', 'count', REPORT_DATA_FILE, '/seed']);
  say(
    'Run',
    ['hash', 'text', REPORT_DATA_FILE, '/runHash'],
    ['made', 'text', REPORT_DATA_FILE, '/createdAt'],
    ['with nlakit', 'text', REPORT_DATA_FILE, '/nlakit'],
  );
  return found;
}

/** How an evaluation decoded and what became of rows without an explanation. */
export function decodingSentences({ cell }: ReportData, file: string, document: JsonValue | undefined): readonly Sentence[] {
  const provenance = objectAt(document, 'provenance');
  const decoding = objectAt(provenance, 'decoding');
  const found: Sentence[] = [];
  const method = cell('text', file, '/provenance/decoding/method');
  const longest = cell('count', file, '/provenance/decoding/maxNewTokens');
  if (decoding['method'] !== undefined && longest.text !== '') {
    found.push(sentence`Decoding: ${method}, at most ${longest} new tokens.`);
  }
  const empty = cell('share', file, '/summary/outputs/emptyRate');
  const parsed = cell('share', file, '/summary/outputs/extractionRate');
  if (empty.text !== '' && parsed.text !== '') {
    found.push(sentence`No row is dropped: ${parsed} of the outputs hold an explanation, ${empty} are empty and scored as EMPTY.`);
  }
  const rho = cell('number', file, '/summary/baselines/rho');
  if (rho.text !== '') {
    found.push(
      sentence`ρ, the mean cosine that the best constant reaches on the training vectors, is ${rho}: a cosine below it says nothing.`,
    );
  }
  const threshold = cell('number', file, '/summary/threshold');
  if (threshold.text !== '')
    found.push(sentence`The threshold of the shares is a cosine of ${threshold}; it is no floor, only what published tables count.`);
  return found;
}
