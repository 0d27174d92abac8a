export { startFakeHub } from './start-fake-hub.js';
export type { FakeHub, FakeHubOptions, FakeRequest } from './start-fake-hub.js';
export { createFakeRepository } from './fake-repository.js';
export type { FakeCommit, FakeContent, FakeFile, FakeRepository, FakeRepositoryOptions, RepositoryType } from './fake-repository.js';
export type { FakeToken } from './access.js';
export { faultSequence, seededFaults } from './faults.js';
export type { Fault, FaultChooser, FaultPlace, SeededFaultOptions } from './faults.js';
export type { RequestKind } from './route.js';
