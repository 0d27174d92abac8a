import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { writtenPages } from '../generate/read-pages.js';
import { docsFolder, readRepositoryFile } from '../generate/repository.js';
import { valueAt, withFigures } from '../generate/stated-figures.js';

const results = path.join(docsFolder, 'results');

describe('figures in pages', () => {
  it('are all found in the results', () => {
    const stated = writtenPages().filter(({ text }) => text.includes('[='));
    expect(stated.length).toBeGreaterThan(6);
    for (const { text } of stated) expect(withFigures(text, results)).not.toContain('[=');
  });

  it('are written as asked', () => {
    expect(withFigures('[=full-size.json quantize.peakBytes .2f GiB]', results)).toBe('0.27 GiB');
    expect(withFigures('[=full-size.json plan.parts[name=one weight unpacked].bytes .0f MiB]', results)).toBe('72 MiB');
    expect(withFigures('[=tiny-trajectory.json run.evaluations.h5[-1].headline.difference +.3f]', results)).toMatch(/^\+0\.\d{3}$/);
  });

  it('cannot be made up', () => {
    expect(() => withFigures('[=full-size.json quantize.hours .1f]', results)).toThrow(/no quantize\.hours/);
    expect(() => withFigures('[=full-size.json quantize.seconds .1f parsec]', results)).toThrow(/parsec/);
    expect(() => withFigures('[=no-such.json a .1f]', results)).toThrow();
  });

  it('of lists count from the end, or are found by a value', () => {
    expect(
      valueAt(
        {
          a: [
            { n: 'x', v: 1 },
            { n: 'y', v: 2 },
          ],
        },
        'a[-1].v',
      ),
    ).toBe(2);
    expect(
      valueAt(
        {
          a: [
            { n: 'x', v: 1 },
            { n: 'y', v: 2 },
          ],
        },
        'a[n=x].v',
      ),
    ).toBe(1);
    expect(valueAt({}, 'a[0].v')).toBeUndefined();
  });
});

describe('figures in the README', () => {
  const readme = readRepositoryFile('README.md');
  const figures: readonly (readonly [what: string, file: string, place: string, format: string])[] = [
    ['AV_OUT − SHUFFLED', 'tiny-trajectory.json', 'run.evaluations.h5[-1].headline.difference', '+.3f'],
    ['AV_OUT − MEAN', 'tiny-trajectory.json', 'run.evaluations.h5[-1].headline.meanDifference', '+.3f'],
    ['SHUFFLED_SAME_TOKEN', 'tiny-trajectory.json', 'run.evaluations.h5[-1].headline.sameTokenDifference', '+.3f'],
    ['gold explanations', 'tiny-trajectory.json', 'run.evaluations.h5[-1].headline.goldFve', '.3f'],
    ['the AV’s own', 'tiny-trajectory.json', 'run.evaluations.h5[-1].headline.fve', '.3f'],
    ['content-blind twin', 'tiny-trajectory.json', 'blindTwin.evaluations.h5[0].headline.difference', '+.3f'],
    ['held-out loss', 'tiny-gemma4.json', 'heldOut.model', '.3f'],
    ['quantising', 'full-size.json', 'quantize.peakBytes', '.2f GiB'],
    ['full-size step', 'full-size.json', 'step.backendPeakBytes', '.2f GiB'],
  ];

  it.each(figures)('%s is that of %s', (_, file, place, format) => {
    expect(readme).toContain(withFigures(`[=${file} ${place} ${format}]`, results));
  });
});
