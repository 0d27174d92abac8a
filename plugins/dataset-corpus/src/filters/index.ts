export { createDocumentFilter } from './document-filter.js';
export type { FilterReason } from './document-filter.js';
export { filterOptionsSchema } from './filter-options.js';
export type { FilterOptions } from './filter-options.js';
