import { readFileSync } from 'node:fs';
import path from 'node:path';

/** A figure named in a page: `[=tiny-trajectory.json run.evaluations.h5[-1].headline.avOut .3f]`. */
const figure = /\[=([\w./-]+\.json) ((?:[^\s[\]]+|\[[^\]]*\])+) ([^\]]+)\]/g;

/**
 * Puts the figures that a page names in their place, read from the files below `resultsFolder`. A page therefore cannot state a number
 * that no file holds. Throws for a file, a value or a format that is not there.
 */
export function withFigures(text: string, resultsFolder: string): string {
  return text.replace(figure, (whole, file: string, place: string, format: string) => {
    const value = valueAt(JSON.parse(readFileSync(path.join(resultsFolder, file), 'utf8')), place);
    if (value === undefined) throw new Error(`${whole}: ${file} has no ${place}.`);
    return formatted(value, format.trim(), whole);
  });
}

/** The value at `a.b[0].c[-1]`; a list counts from its end below 0, and `[key=value]` finds the entry of a list that has that value. */
export function valueAt(root: unknown, place: string): unknown {
  let value = root;
  for (const [, name, index, key, wanted] of place.matchAll(/([^.[\]]+)|\[(-?\d+)\]|\[(\w+)=([^\]]+)\]/g)) {
    if (name !== undefined) value = (value as Record<string, unknown> | undefined)?.[name];
    else if (index !== undefined) value = (value as unknown[] | undefined)?.at(Number(index));
    else value = (value as Record<string, unknown>[] | undefined)?.find((entry) => String(entry[key ?? '']) === wanted);
  }
  return value;
}

const units: Readonly<Record<string, number>> = {
  GiB: 2 ** 30,
  MiB: 2 ** 20,
  GB: 1e9,
  MB: 1e6,
  billion: 1e9,
  million: 1e6,
  min: 60,
  h: 3600,
  '%': 0.01,
};

/** `.3f`: decimals; `+.3f`: with its sign; `.1f GiB`: in that unit; `text`: as it stands. */
function formatted(value: unknown, format: string, where: string): string {
  if (format === 'text') return String(value);
  const [, sign, decimals, unit] = /^(\+?)\.(\d)f(?: (\S+))?$/.exec(format) ?? [];
  if (decimals === undefined || typeof value !== 'number') throw new Error(`${where}: cannot be written as ${format}.`);
  const factor = unit === undefined ? 1 : (units[unit] ?? (unit === 's' ? 1 : undefined));
  if (factor === undefined) throw new Error(`${where}: the unit ${unit ?? ''} is not known.`);
  const number = (Math.abs(value) / factor).toLocaleString('en', {
    minimumFractionDigits: Number(decimals),
    maximumFractionDigits: Number(decimals),
  });
  return `${value < 0 ? '−' : sign}${number}${unit === undefined ? '' : ` ${unit}`}`;
}
