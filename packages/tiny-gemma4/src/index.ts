export * from './model-folder.js';
