export { directoryPublisher } from './directory-publisher.js';
export { plugin, plugin as default } from './plugin.js';
