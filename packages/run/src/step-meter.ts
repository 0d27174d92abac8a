import type { StepEvent } from '@nlakit/core';

/** Steps that the smoothed loss and the rate are taken over. */
const window = 20;

/**
 * What is shown of a step, formatted: loss and its mean over the last 20 steps, learning rate, norms of gradient and update, tokens per second
 * over the same steps, memory of the backend and time left.
 */
export function createStepMeter(steps: number): (event: StepEvent) => Readonly<Record<string, string>> {
  const recent: { readonly loss: number; readonly tokens: number; readonly seconds: number }[] = [];
  return ({ step, figures }) => {
    recent.push(figures);
    if (recent.length > window) recent.shift();
    const sum = (of: 'loss' | 'tokens' | 'seconds') => recent.reduce((total, one) => total + one[of], 0);
    const seconds = sum('seconds');
    const { updateNorm, memoryBytes } = figures;
    return {
      loss: figures.loss.toPrecision(4),
      mean: (sum('loss') / recent.length).toPrecision(4),
      lr: short(figures.learningRate),
      grad: short(figures.gradientNorm),
      ...(updateNorm === undefined ? {} : { update: short(updateNorm) }),
      ...(seconds > 0 ? { 'tok/s': String(Math.round(sum('tokens') / seconds)) } : {}),
      ...(memoryBytes === undefined ? {} : { memory: binary(memoryBytes) }),
      ...(seconds > 0 ? { eta: formatSeconds(((steps - step) * seconds) / recent.length) } : {}),
    };
  };
}

function binary(bytes: number): string {
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toPrecision(3)} MiB` : `${(bytes / 2 ** 30).toPrecision(3)} GiB`;
}

/** Three digits, without the zeros that say nothing. */
function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** `75` as `1:15`, `3700` as `1:01:40`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number): string => String(value).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes}:${two(whole % 60)}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}
