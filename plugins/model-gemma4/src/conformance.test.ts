import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeConformance } from '@nlakit/conformance/vitest';
import { plugin } from './index.js';
import { fixture } from './testing/golden.js';
import { wordTokenizer } from './testing/word-tokenizer.js';

describeConformance(plugin, {
  options: async (folder) => {
    await cp(fixture('gemma4-tiny'), folder, { recursive: true });
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(wordTokenizer()));
    return { source: folder };
  },
  badOptions: [{}, { source: '' }, { source: 'x', layer: -1 }],
  text: 'w1',
});
