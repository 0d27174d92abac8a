import { describeMutants } from '../__fixtures__/describe-mutants.js';
import { exampleLabeler, questions } from '../__fixtures__/example-labeler.js';

describeMutants(exampleLabeler, { asked: () => questions.asked });
