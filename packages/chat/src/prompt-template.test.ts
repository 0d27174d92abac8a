import { createHash } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { mapConcurrently, readPromptTemplate } from './index.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nla-prompt-'));
});
const write = async (text: string): Promise<string> => {
  const file = path.join(folder, `${createHash('sha256').update(text).digest('hex').slice(0, 8)}.md`);
  await writeFile(file, text);
  return file;
};

describe('readPromptTemplate', () => {
  it('tells the system message from the user’s, and knows its hash', async () => {
    const text = 'You are {who}.\n---\nRead {text}.\n---\nAnd {this}.\n';
    const prompt = await readPromptTemplate(await write(text), ['text']);
    expect(prompt.sha256).toBe(createHash('sha256').update(text).digest('hex'));
    expect(prompt.fill({ text: '{who} $& $1', who: 'a reader' })).toEqual({
      system: 'You are a reader.',
      messages: [{ role: 'user', content: 'Read {who} $& $1.\n---\nAnd {this}.' }],
    });
    expect((await readPromptTemplate(await write('Only {text}'), ['text'])).fill({ text: 'x' })).toEqual({
      messages: [{ role: 'user', content: 'Only x' }],
    });
    expect((await readPromptTemplate(await write('Sys\r\n---\r\nOnly {text}'), ['text'])).fill({ text: 'x' })).toMatchObject({
      system: 'Sys',
    });
  });

  it.each(['', 'system only {text}\n---\n ', 'no place'])('refuses %j', async (text) => {
    await expect(readPromptTemplate(await write(text), ['text'])).rejects.toMatchObject({
      code: 'E_CHAT_PROMPT',
      details: { kind: 'input' },
    });
  });

  it('says which file is not there', async () => {
    const file = path.join(folder, 'none.md');
    await expect(readPromptTemplate(file, [])).rejects.toMatchObject({ code: 'E_CHAT_PROMPT', details: { file } });
  });
});

describe('mapConcurrently', () => {
  it('keeps order and limit', async () => {
    let [inside, most] = [0, 0];
    const found = await mapConcurrently([...Array(20).keys()], 3, async (item) => {
      most = Math.max(most, (inside += 1));
      await new Promise((next) => setTimeout(next, (7 * item) % 5));
      inside -= 1;
      return 2 * item;
    });
    expect(found).toEqual([...Array(20).keys()].map((item) => 2 * item));
    expect(most).toBe(3);
    expect(await mapConcurrently([], 3, () => Promise.resolve(1))).toEqual([]);
  });

  it('starts nothing after a failure, and waits for what is under way', async () => {
    const [started, ended]: [number[], number[]] = [[], []];
    const work = mapConcurrently([...Array(20).keys()], 3, async (item) => {
      started.push(item);
      await new Promise((next) => setTimeout(next, item === 1 ? 1 : 10));
      ended.push(item);
      if (item === 1) throw new Error('failed');
    });
    await expect(work).rejects.toThrow('failed');
    expect(started).toEqual([0, 1, 2]);
    expect(ended).toHaveLength(3);
  });
});
