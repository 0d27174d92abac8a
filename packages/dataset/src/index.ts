export { SPLIT_FILES, SPLIT_STAGES } from './columns.js';
export { splitFile, writeSplit } from './write-split.js';
export type { SplitSidecar, WrittenSplit } from './write-split.js';
export { hashFile, openSplit } from './open-split.js';
export type { ParquetSplit } from './open-split.js';
export { describeDataset, describeFiles } from './describe-dataset.js';
export { tagExplanation, untagExplanation } from './explanation-text.js';
