import { keysTests, queueTests, tasksTests } from './actionsTests.ts';
import { everybodyTests } from './everybodyTests.ts';
import { figuresTests } from './figuresTests.ts';
import { lettersTests } from './lettersTests.ts';
import { signInTests } from './signInTests.ts';
import { Stand } from './stand.ts';
import { troubleTests } from './troubleTests.ts';

/** `npm run test:page`: the operator's page in a real browser, beside a whole local stack. */
describe('the operator’s page', () => {
  const stand = new Stand();
  before(() => stand.start());
  after(() => stand.close());
  afterEach(() => stand.tidy());

  signInTests(stand);
  figuresTests(stand);
  lettersTests(stand);
  queueTests(stand);
  keysTests(stand);
  tasksTests(stand);
  everybodyTests(stand);
  troubleTests(stand);
});
