export { bundledModel, experimentFiles, experimentProject } from './experiment-files.js';
export { pluginKinds, pluginProject } from './plugin-project.js';
export { runCreate } from './run-create.js';
export type { CreateIo } from './run-create.js';
export type { ProjectFiles } from './template-file.js';
export { checkExperimentName, nameOfFolder } from './names.js';
export { writeNewFiles } from './write-new-files.js';
