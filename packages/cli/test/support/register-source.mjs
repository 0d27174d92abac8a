// `node --conditions=@nlakit/source --import <this file> packages/cli/src/bin.ts` runs the sources as they are, without a build.
import { register } from 'node:module';

register('./source-hooks.mjs', import.meta.url);
