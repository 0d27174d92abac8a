import { describe, expect, it } from 'vitest';
import { readChoice, readGrades } from './index.js';

describe('readChoice', () => {
  it.each([
    ['Weighing them. <choice>B</choice>', 1],
    ['<choice> (c). </choice>', 2],
    ['<choice>A</choice> and again <choice>a</choice>', 0],
    [' d. ', 3],
    ['(E)', 4],
    ['', null],
    ['B is right', null],
    ['It is A or B', null],
    ['<choice>F</choice>', null],
    ['<choice>A</choice><choice>B</choice>', null],
    ['<choice>letter</choice>', null],
    ['<choice></choice>', null],
    ['F', null],
  ])('%j', (answer, chosen) => {
    expect(readChoice(answer, 5)).toBe(chosen);
  });
});

describe('readGrades', () => {
  const all = (validity: string, specificity = '2', relatedness = '3') =>
    `<validity>${validity}</validity>\n<specificity>${specificity}</specificity> <relatedness>${relatedness}</relatedness>`;

  it('takes three grades, in any order and with their maximum', () => {
    expect(readGrades(`Fine. ${all('1')}`)).toEqual({ validity: 1, specificity: 2, relatedness: 3 });
    expect(readGrades(all(' 5 / 5 ', '4/5'))).toEqual({ validity: 5, specificity: 4, relatedness: 3 });
    expect(readGrades(`${all('1')} so ${all('1')}`)).not.toBeNull();
  });

  it.each([
    '',
    all('0'),
    all('6'),
    all('4.5'),
    all('10'),
    all('high'),
    all('1 to 5'),
    `${all('1')}${all('2')}`,
    '<validity>3</validity>',
    '3 3 3',
  ])('sees none in %j', (answer) => {
    expect(readGrades(answer)).toBeNull();
  });
});
