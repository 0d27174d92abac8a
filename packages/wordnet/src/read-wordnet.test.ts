import { beforeAll, describe, expect, it } from 'vitest';
import { isHeldOut, readWordnet, topicOf, topics, type WordNet } from './index.js';
import { parseDataFile } from './parse-data-file.js';

describe('parseDataFile', () => {
  const parse = (row: string) => parseDataFile(`  1 licence\n${row}\n`, 'data.test')[0];

  it('reads names, file, pointers and the parts of the gloss', () => {
    expect(
      parse(
        '00116942 04 n 02 traction 0 some_pull 1 003 @ 00115251 n 0000 ;c 06073656 n 0000 ;u 06731706 n 0101 | (orthopedics) the act of pulling; "his leg was in traction"; "more of it"  ',
      ),
    ).toEqual({
      id: '00116942-n',
      partOfSpeech: 'n',
      lexicographerFile: 'noun.act',
      lemmas: ['traction', 'some pull'],
      gloss: '(orthopedics) the act of pulling; "his leg was in traction"; "more of it"',
      definition: '(orthopedics) the act of pulling',
      examples: ['his leg was in traction', 'more of it'],
      hypernyms: ['00115251-n'],
      usages: ['06731706-n'],
    });
  });

  it('counts words in hexadecimal and pointers in decimal, and strips adjective markers', () => {
    const words = Array.from({ length: 16 }, (_, index) => `w${index} 0`).join(' ');
    const pointers = Array.from({ length: 12 }, () => '@ 00000001 s 0000').join(' ');
    const synset = parse(`00000002 00 s 10 ${words} 012 ${pointers} | much`);
    expect(synset?.lemmas).toHaveLength(16);
    expect(synset?.hypernyms).toEqual(Array.from({ length: 12 }, () => '00000001-a'));
    expect(parse('00000003 00 s 01 galore(ip) 0 000 | in great numbers')?.lemmas).toEqual(['galore']);
  });

  it('keeps quotation marks that belong to the definition', () => {
    const synset = parse('00000004 10 n 01 x 0 000 | the word "foo" in a sentence; "he said foo"');
    expect(synset?.definition).toBe('the word "foo" in a sentence');
    expect(synset?.examples).toEqual(['he said foo']);
    expect(parse('00000005 10 n 01 x 0 000 | what "foo" means to people')?.definition).toBe('what "foo" means to people');
  });

  it('names file and line of a damaged file', () => {
    expect(() => parse('00000006 99 n 01 x 0 000 | gloss')).toThrow(/data\.test:2:1/);
    expect(() => parse('00000006 10 n 01 x 0 000 gloss')).toThrow(/E_WORDNET_FORMAT|format/);
    expect(() => parse('00000006 10 n 01 x 0 002 @ 00000001 n 0000 | gloss')).toThrow(/format/);
  });
});

describe('readWordnet', () => {
  let wordnet: WordNet;
  beforeAll(async () => {
    wordnet = await readWordnet();
  });

  it('reads WordNet 3.1 whole, but for offensive senses', () => {
    expect(wordnet.synsets.length + wordnet.leftOut).toBe(117_791);
    expect(wordnet.leftOut).toBeGreaterThan(80);
    expect(wordnet.leftOut).toBeLessThan(400);
    expect(new Set(wordnet.synsets.map((synset) => synset.id)).size).toBe(wordnet.synsets.length);
    expect(wordnet.synsets.filter((synset) => /ethnic slur|offensive (?:term|name)/.test(synset.gloss))).toEqual([]);
    expect(wordnet.synsets.some((synset) => /military offensive|offensive (?:and|or) /.test(synset.gloss))).toBe(true);
  });

  it('finds the dog', () => {
    const dog = wordnet.synsets.find((synset) => synset.lemmas.includes('domestic dog'));
    expect(dog?.lexicographerFile).toBe('noun.animal');
    expect(dog?.examples).toEqual(['the dog barked all night']);
    expect(dog?.hypernyms.map((id) => wordnet.byId.get(id)?.lemmas[0])).toContain('canine');
  });

  it('has every topic, and holds a tenth of the synsets out by id alone', () => {
    const found = new Set(wordnet.synsets.map((synset) => topicOf(synset.lexicographerFile)));
    for (const topic of topics) expect(found).toContain(topic);
    const share = wordnet.synsets.filter((synset) => isHeldOut(synset.id)).length / wordnet.synsets.length;
    expect(share).toBeGreaterThan(0.097);
    expect(share).toBeLessThan(0.103);
  });
});
