import { describe, expect, it } from 'vitest';
import { createStepMeter, formatSeconds } from './step-meter.js';

describe('createStepMeter', () => {
  it('shows what one watches a training by', () => {
    const meter = createStepMeter(100);
    const figures = {
      learningRate: 1e-4,
      gradientNorm: 0.51239,
      updateNorm: 0.0123456,
      tokens: 1000,
      seconds: 2,
      memoryBytes: 1.5 * 2 ** 30,
    };
    meter({ type: 'step', step: 1, steps: 100, figures: { ...figures, loss: 4 } });
    expect(meter({ type: 'step', step: 2, steps: 100, figures: { ...figures, loss: 3 } })).toEqual({
      loss: '3.000',
      mean: '3.500',
      lr: '0.0001',
      grad: '0.512',
      update: '0.0123',
      'tok/s': '500',
      memory: '1.50 GiB',
      eta: '3:16',
    });
  });

  it('forgets what lies more than 20 steps back', () => {
    const meter = createStepMeter(100);
    let shown: Readonly<Record<string, string>> = {};
    for (let step = 1; step <= 30; step++) {
      const loss = step <= 10 ? 100 : 1;
      shown = meter({ type: 'step', step, steps: 100, figures: { loss, learningRate: 1, gradientNorm: 1, tokens: 1, seconds: 0 } });
    }
    expect(shown).toEqual({ loss: '1.000', mean: '1.000', lr: '1', grad: '1' });
  });

  it('writes times as clocks do', () => {
    expect([formatSeconds(75), formatSeconds(3700), formatSeconds(-1)]).toEqual(['1:15', '1:01:40', '0:00']);
  });
});
