export { mean, median, quantile, sortedQuantile, standardDeviation, summarize } from './summarize.js';
