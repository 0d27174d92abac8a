// `nla` as it is built here, in the folder that it was called from: package managers run scripts in the root of the repository.
import { fileURLToPath } from 'node:url';

const bin = new URL('../packages/cli/dist/bin.js', import.meta.url);
process.chdir(process.env.INIT_CWD ?? '.');
// Data packages are looked for beside the program that was started.
process.argv[1] = fileURLToPath(bin);
await import(bin);
