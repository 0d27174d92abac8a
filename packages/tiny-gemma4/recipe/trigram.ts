import { bosId } from './vocabulary.js';

/** Probability of a token after the two before it. */
export interface TrigramModel {
  /** Natural logarithm of the probability of `next` after `first`, `second`. */
  logProbability(first: number, second: number, next: number): number;
}

const base = 65_536;

/**
 * A trigram model with interpolated Witten-Bell smoothing (Witten and Bell, 1991; Chen and Goodman, 1998, section 2.6):
 * `p(w|h) = (c(h,w) + t(h) p(w|h')) / (c(h) + t(h))`, where `t(h)` counts the different tokens seen after `h` and `h'` is `h` without
 * its oldest token; below the single tokens lies the uniform distribution. The baseline that a trained model has to beat.
 *
 * @param stream documents that begin with `<bos>`; counts do not cross from one document into the next.
 */
export function trainTrigram(stream: Uint16Array, vocabularySize: number): TrigramModel {
  const single = new Float64Array(vocabularySize);
  const pairs = new Map<number, number>();
  const triples = new Map<number, number>();
  const afterOne = new Float64Array(vocabularySize);
  const kindsAfterOne = new Float64Array(vocabularySize);
  const afterTwo = new Map<number, number>();
  const kindsAfterTwo = new Map<number, number>();
  let total = 0;
  let kinds = 0;

  for (let at = 1; at < stream.length; at += 1) {
    const next = stream[at] ?? 0;
    if (next === bosId) continue;
    const second = stream[at - 1] ?? 0;
    const first = second === bosId ? bosId : (stream[at - 2] ?? bosId);
    total += 1;
    if (single[next] === 0) kinds += 1;
    single[next] = (single[next] ?? 0) + 1;
    afterOne[second] = (afterOne[second] ?? 0) + 1;
    if (increase(pairs, second * base + next)) kindsAfterOne[second] = (kindsAfterOne[second] ?? 0) + 1;
    const history = first * base + second;
    increase(afterTwo, history);
    if (increase(triples, history * base + next)) increase(kindsAfterTwo, history);
  }

  const mixed = (count: number, seen: number, different: number, below: number): number =>
    seen + different === 0 ? below : (count + different * below) / (seen + different);
  return {
    logProbability(first, second, next) {
      const one = mixed(single[next] ?? 0, total, kinds, 1 / vocabularySize);
      const two = mixed(pairs.get(second * base + next) ?? 0, afterOne[second] ?? 0, kindsAfterOne[second] ?? 0, one);
      const history = first * base + second;
      const three = mixed(triples.get(history * base + next) ?? 0, afterTwo.get(history) ?? 0, kindsAfterTwo.get(history) ?? 0, two);
      return Math.log(three);
    },
  };
}

/** Counts one more of `key`; whether it is the first. */
function increase(counts: Map<number, number>, key: number): boolean {
  const before = counts.get(key) ?? 0;
  counts.set(key, before + 1);
  return before === 0;
}
