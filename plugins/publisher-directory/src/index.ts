export { directoryPublisher } from './directory-publisher.js';
export { findLeaks } from './leaks.js';
export type { Leak } from './leaks.js';
export { plugin, plugin as default } from './plugin.js';
