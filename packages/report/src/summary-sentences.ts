import { lastEvaluation, type ReportData } from './report-data.js';
import { REPORT_DATA_FILE } from './run-facts.js';
import type { Cell } from './traced/cell.js';
import { pointerTo } from './traced/json-pointer.js';
import { joined, sentence, type Sentence } from './traced/sentence.js';

/** What the last checkpoint that counts showed, in sentences that hold the numbers and what they do not mean. */
export function summarySentences(data: ReportData): readonly Sentence[] {
  const last = lastEvaluation(data);
  if (last === undefined) {
    const retracted = data.evaluations.length > 0;
    return [retracted ? sentence`Every measured step is retracted, so nothing is concluded here.` : nothingMeasured];
  }
  const { cell } = data;
  const { file } = last;
  const sentences: Sentence[] = [];
  const difference = (against: string) => last.differences.find((point) => point.against === against)?.difference;
  const shown = (against: string): Cell =>
    cell('difference', file, ...['value', 'low', 'high'].map((name) => pointerTo('summary', 'differences', against, name)));
  const step = cell('count', file, '/step');
  const shuffled = difference('SHUFFLED');
  if (shuffled !== undefined) {
    const verdict =
      shuffled.low > 0
        ? 'The explanations carry information about their own activation.'
        : shuffled.high < 0
          ? 'The explanations fit other rows better than their own: something is mixed up.'
          : 'No evidence that the explanations carry information about their own activation.';
    const rows = cell('count', file, pointerTo('summary', 'differences', 'SHUFFLED', 'n'));
    const over = rows.text === '' ? sentence`` : sentence` over ${rows} held-out rows`;
    const first = sentence`At step ${step}, AV_OUT − SHUFFLED is ${shown('SHUFFLED')} in cosine`;
    sentences.push(joined(appended(first, over, '.'), sentence`${verdict}`));
  }
  const sameToken = difference('SHUFFLED_SAME_TOKEN');
  if (sameToken !== undefined) {
    const rows = cell('count', file, pointerTo('summary', 'differences', 'SHUFFLED_SAME_TOKEN', 'n'));
    const verdict =
      sameToken.low > 0
        ? 'explanations say more than which token it was'
        : 'no evidence that explanations say more than which token it was';
    sentences.push(
      sentence`Against the explanation of another document's row that was read at the same token the difference is ${shown('SHUFFLED_SAME_TOKEN')} over ${rows} rows: ${verdict}.`,
    );
  }
  const mean = difference('MEAN');
  if (mean !== undefined) {
    const verdict =
      mean.low > 0
        ? 'reading the explanation beats guessing the average'
        : mean.high < 0
          ? 'guessing the average does better'
          : 'guessing the average does as well';
    sentences.push(
      sentence`Against the MEAN vector, the best constant and no text at all, the difference is ${shown('MEAN')}: ${verdict}.`,
    );
  }
  const topic = difference('SWAP_TOPIC');
  const word = difference('SWAP_LAST');
  if (topic !== undefined) {
    const most = word !== undefined && word.low > 0 && word.value > 2 * topic.value;
    const costs = sentence`Taking only the topic and hypernym from another row's explanation costs ${shown('SWAP_TOPIC')}`;
    const also = word === undefined ? sentence`` : sentence`; taking only the last word costs ${shown('SWAP_LAST')}`;
    const whole = appended(costs, also, '.');
    sentences.push(
      most ? joined(whole, sentence`So most of the effect is the last word read; the semantic share is the smaller part.`) : whole,
    );
  }
  const fve = cell('number', file, '/summary/conditions/GOLD/fveNrm');
  if (fve.text !== '') {
    sentences.push(
      sentence`From gold explanations the reconstructor reaches an fve_nrm of ${fve} (0 is no better than the variance): the ceiling for any verbalizer paired with it.`,
    );
  }
  return sentences;
}

/** How the differences change over the trajectory, a sentence each. */
export function trendSentences({ facts, cell }: ReportData): readonly Sentence[] {
  return facts.trends.map(({ against, per100 }, index) => {
    const at = (format: 'count' | 'difference' | 'p', ...path: readonly string[]) =>
      cell(format, REPORT_DATA_FILE, ...path.map((name) => `${pointerTo('trends', index)}/${name}`));
    const change = per100.low > 0 ? 'grows' : per100.high < 0 ? 'shrinks' : 'shows no trend';
    return sentence`AV_OUT − ${against} ${change} from step ${at('count', 'firstStep')} to ${at('count', 'lastStep')}: ${at('difference', 'per100/value', 'per100/low', 'per100/high')} per 100 steps (slope fitted to each of ${at('count', 'rows')} rows over ${at('count', 'steps')} steps; p ${at('p', 'p')}).`;
  });
}

const nothingMeasured = sentence`Nothing has been measured yet: no evaluation is stored in this run.`;

function appended(one: Sentence, other: Sentence, end: string): Sentence {
  const whole = joined(one, other);
  // `joined` puts a space between; here the second part brings its own.
  const seam = one.words.length - 1;
  const words = whole.words.map((word, index) => (index === seam ? `${one.words.at(-1) ?? ''}${other.words[0] ?? ''}` : word));
  return { ...whole, words: [...words.slice(0, -1), `${words.at(-1) ?? ''}${end}`] };
}
