/** The functions of a test runner that the suites call; those of vitest and jest fit. Passed in, so that neither is a dependency. */
export interface TestRunner {
  describe(name: string, body: () => void): void;
  it(name: string, body: () => Promise<void>): void;
  expect(
    value: unknown,
    message?: string,
  ): {
    toBe(expected: unknown): void;
    toEqual(expected: unknown): void;
    toBeLessThan(bound: number): void;
    toBeGreaterThan(bound: number): void;
  };
}
