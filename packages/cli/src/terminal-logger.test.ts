import { describe, expect, it } from 'vitest';
import { createTerminalLogger, type CliIo } from './index.js';

function logger(terminal: boolean) {
  let text = '';
  let time = 0;
  const io: CliIo = {
    out: () => undefined,
    error: (more) => (text += more),
    terminal,
    interactive: false,
    color: false,
    columns: 40,
    cwd: '/',
    signal: new AbortController().signal,
  };
  const log = createTerminalLogger(io, { now: () => time });
  return { log, text: () => text, advance: (seconds: number) => (time += seconds) };
}

describe('createTerminalLogger', () => {
  it('writes a plain line every few seconds, and the last one', () => {
    const { log, text, advance } = logger(false);
    for (let done = 1; done <= 20; done += 1) {
      log.progress({ task: 'extract', done, total: 20, unit: 'rows' });
      advance(1);
    }
    const lines = text().trimEnd().split('\n');
    expect(lines).toHaveLength(5);
    expect(lines[1]).toBe('extract  6/20 rows  1.0 rows/s  eta 0:14');
    expect(lines.at(-1)).toContain('20/20 rows');
    expect(text()).not.toContain('\u001b');
  });

  it('redraws its lines on a terminal and lets none wrap', () => {
    const { log, text, advance } = logger(true);
    log.progress({
      task: 'train av',
      done: 1,
      total: 2,
      unit: 'steps',
      figures: { loss: '1.234', 'tok/s': '500', eta: '12:34', more: 'x'.repeat(40) },
    });
    advance(1);
    log.warn('careful');
    log.progress({ task: 'train av', done: 2, total: 2, unit: 'steps' });
    expect(text().startsWith('train av  1/2 steps  loss 1.234')).toBe(true);
    expect(text()).toContain('\r\u001b[2Kwarning careful\n');
    expect(text().endsWith('\n')).toBe(true);
    // Three lines were drawn: two to go up from, then the first.
    expect(text()).toContain(`${'\r\u001b[2K\u001b[1A'.repeat(2)}\r\u001b[2Kwarning`);
    expect(text()).toContain('\ntok/s 500  eta 12:34\n');
    for (const part of text().split(/\r|\n/)) expect(part.replace('\u001b[2K', '').length).toBeLessThan(40);
  });
});
