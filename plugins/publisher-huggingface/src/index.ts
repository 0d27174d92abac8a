export { huggingFacePublisher } from './hugging-face-publisher.js';
export type { HuggingFaceOptions } from './options.js';
export { plugin, plugin as default } from './plugin.js';
