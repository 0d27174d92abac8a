import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFeatures, parseVerdict } from './index.js';

const features = (answer: string, least = 1) => parseFeatures(answer, least);

describe('parseFeatures', () => {
  it('takes paragraphs between the tags', () => {
    expect(features('Sure.\n<analysis>\nA first\nfeature.\n\nThe  second.\n \n\n</analysis> Bye.')).toEqual({
      features: ['A first feature.', 'The second.'],
    });
  });

  it.each([
    '1. one\n2. two\n3) three',
    '- one\n- two\n* three',
    '• one\n\n• two\n\n• three',
    '**one**\n\n**two**\n\n__three__',
    '## one\n\n(2) two\n\n3. **three**',
    'one\r\n\r\ntwo\r\n\r\nthree',
  ])('strips markers and bold: %j', (body) => {
    expect(features(`<analysis>${body}</analysis>`)).toEqual({ features: ['one', 'two', 'three'] });
  });

  it('leaves what only looks like a marker', () => {
    expect(features('<analysis>3.5 million people, a 2-1 win\nand 2 ** 3 - 1.\n\nsnake_case__name</analysis>')).toEqual({
      features: ['3.5 million people, a 2-1 win and 2 ** 3 - 1.', 'snake_case__name'],
    });
  });

  it.each([
    ['', 'no <analysis>'],
    ['one two', 'no <analysis>'],
    ['one</analysis>', 'no <analysis>'],
    ['<analysis>one\n\ntwo', 'ends before'],
    ['</analysis>x<analysis>', 'ends before'],
    ['<analysis></analysis>', '0 of at least 2'],
    ['<analysis>\n- \n\n**\n</analysis>', '1 of at least 2'],
    ['<analysis>only one</analysis>', '1 of at least 2'],
  ])('gives a reason for %j', (answer, reason) => {
    const parsed = features(answer, 2);
    expect('reason' in parsed && parsed.reason).toContain(reason);
  });

  it('never fails, and never lets a tag through', () => {
    const piece = fc.oneof(fc.constantFrom('<analysis>', '</analysis>', '\n\n', '\n- ', '**', '1. '), fc.string({ maxLength: 8 }));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const parsed = features(pieces.join(''), 1);
        if ('features' in parsed) {
          expect(parsed.features.length).toBeGreaterThan(0);
          for (const one of parsed.features) expect(one).toBe(one.trim());
          expect(parsed.features.join('')).not.toContain('</analysis>');
        } else expect(parsed.reason).not.toBe('');
      }),
    );
  });
});

describe('parseVerdict', () => {
  it.each([
    ['<verdict>accept</verdict><reason>fine</reason>', 'accept', 'fine'],
    ['<Verdict> Edited. </Verdict>\n<reason>\n two\n lines </reason>', 'edit', 'two lines'],
    ['<verdict>reject</verdict>', 'reject', 'no reason given'],
    ['<verdict>accept</verdict> again <verdict>Accept</verdict>', 'accept', 'no reason given'],
  ])('%j', (answer, verdict, reason) => {
    expect(parseVerdict(answer)).toEqual({ verdict, reason });
  });

  it.each([
    '',
    'accept',
    '<verdict>maybe</verdict>',
    '<verdict>accept, edit or reject</verdict>',
    '<verdict>accept</verdict><verdict>reject</verdict>',
  ])('sees none in %j', (answer) => {
    expect(parseVerdict(answer)).toBeUndefined();
  });
});
