import type { Config } from 'vega-lite';

/** Colours of conditions (Okabe and Ito's palette, told apart by colour-blind readers); lines and dots show on white and on black. */
const colors: Readonly<Record<string, string>> = {
  GOLD: '#009e73',
  AV_OUT: '#0072b2',
  SWAP_TOPIC: '#56b4e9',
  MEAN: '#999999',
  TEMPLATE: '#cc79a7',
  EMPTY: '#e69f00',
  SHUFFLED: '#d55e00',
  SHUFFLED_SAME_TOKEN: '#cc79a7',
};

/** Size of one panel in pixels; pages put panels beside each other where there is room. */
export const FIGURE_WIDTH = 420;
export const FIGURE_HEIGHT = 230;

/** Colour of a condition; those without one of their own are grey-blue. */
export function colorOf(condition: string): string {
  return colors[condition] ?? '#7a8aa0';
}

/** A scale of colours for conditions. */
export function colorScale(names: readonly string[]): { domain: string[]; range: string[] } {
  return { domain: [...names], range: names.map(colorOf) };
}

/** One look for all figures. */
export const FIGURE_CONFIG: Config = {
  background: '#ffffff',
  font: 'DejaVu Sans, Verdana, sans-serif',
  axis: {
    labelFontSize: 11,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    gridColor: '#ececec',
    domainColor: '#888888',
    tickColor: '#888888',
  },
  legend: { labelFontSize: 11, titleFontSize: 12, titleFontWeight: 'normal' },
  title: {
    fontSize: 14,
    fontWeight: 'bold',
    anchor: 'start',
    offset: 12,
    subtitleFontSize: 12,
    subtitleColor: '#555555',
    subtitlePadding: 6,
  },
  view: { stroke: null },
  header: { labelFontSize: 12, titleFontSize: 12, titleFontWeight: 'normal' },
};
