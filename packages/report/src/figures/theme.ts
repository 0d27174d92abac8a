import type { Config } from 'vega-lite';

/** Conditions in the order they are drawn, with their colours (Okabe and Ito's palette, told apart by colour-blind readers). */
export const CONDITION_COLORS: Readonly<Record<string, string>> = {
  GOLD: '#009e73',
  AV_OUT: '#0072b2',
  SWAP_TOPIC: '#56b4e9',
  MEAN: '#999999',
  TEMPLATE: '#cc79a7',
  EMPTY: '#e69f00',
  SHUFFLED: '#d55e00',
};

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
