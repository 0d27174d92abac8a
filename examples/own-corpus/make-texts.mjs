// Stands in for a folder of yours: texts/<topic>/<number>.txt, each of a few lines about things of one kind, out of WordNet.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readWordnet, topicOf } from '@nlakit/wordnet';

const lines = 4;
const textsPerTopic = 60;

/** Writes the texts below `folder` and returns how many there are. */
export async function makeTexts(folder) {
  const { synsets } = await readWordnet({ partsOfSpeech: ['n'] });
  const byTopic = new Map();
  for (const { lemmas, definition, lexicographerFile } of synsets) {
    const topic = topicOf(lexicographerFile);
    if (topic === undefined || definition.split(' ').length < 6) continue;
    const known = byTopic.get(topic) ?? [];
    byTopic.set(topic, known);
    known.push(`${lemmas[0]}: ${definition}`);
  }
  let count = 0;
  for (const [topic, glosses] of byTopic) {
    mkdirSync(join(folder, topic), { recursive: true });
    // From all over the topic: neighbours in WordNet are near relatives.
    const step = Math.max(1, Math.floor(glosses.length / (lines * textsPerTopic)));
    const chosen = glosses.filter((_, index) => index % step === 0).slice(0, lines * textsPerTopic);
    for (let start = 0; start + lines <= chosen.length; start += lines) {
      const name = `${String(start / lines + 1).padStart(3, '0')}.txt`;
      writeFileSync(join(folder, topic, name), `${chosen.slice(start, start + lines).join('\n')}\n`);
      count += 1;
    }
  }
  return count;
}
