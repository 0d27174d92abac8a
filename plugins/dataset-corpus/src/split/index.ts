export { splitDocuments, splitOfDocument } from './split-documents.js';
export { checkDisjoint } from './check-disjoint.js';
export { countFamilies, familyOf } from './count-families.js';
export { divideDocuments, splitStage } from './split-stage.js';
export type { CorpusSplit } from './split-stage.js';
