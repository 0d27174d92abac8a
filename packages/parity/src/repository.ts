import { fileURLToPath } from 'node:url';

/** Root folder of the repository. Valid from `src` and from the bundle in `dist`, which lie equally deep. */
export const repositoryRoot: string = fileURLToPath(new URL('../../../', import.meta.url));
