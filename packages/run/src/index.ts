export { createSeedStreams } from './seed-streams.js';
