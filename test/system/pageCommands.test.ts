import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandsIn, pageCommands } from '../support/pageCommands.ts';

const root = join(import.meta.dirname, '../..');
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8');
const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };

/** Commands that nothing here can run: they ask a person, the console, or Google's own tool. */
const byHand = [
  'npx firebase login',
  'npx firebase functions:log',
  'npx firebase functions:secrets:access',
  'gcloud firestore databases',
  'gcloud firestore backups',
  'gcloud firestore export',
  'gcloud firestore import',
  'gcloud storage restore',
  'gcloud monitoring policies',
  'gcloud monitoring dashboards',
  'gcloud logging metrics',
  'gcloud services enable',
  'gcloud billing projects',
  'gcloud billing budgets',
];

/** Commands without a script of their own, and where they are run. */
const elsewhere: Readonly<Record<string, string>> = {
  'npm ci': 'scripts/prepare.mjs',
  'npm test': 'CONTRIBUTING.md',
  'npm start': 'test/local/main.test.ts',
};

/** Sources that run scripts or the Firebase CLI: tests, and what tests run. */
const runners = globSync('{test,scripts}/**/*.ts', { cwd: root }).map((file) => ({
  file,
  text: textOf(file),
}));
const found = pageCommands();
const shown = ({ argv }: { argv: readonly string[] }): string => argv.join(' ');

/** The runners that start a script. */
const runnersOf = (script: string) =>
  runners.filter(({ text }) => text.includes(script) || text.includes(`'${script.replace('.ts', '')}'`));

/** Parses arguments as the script does, and ends it there. */
const parseOnly = `data:text/javascript,${encodeURIComponent(`
  import util from 'node:util';
  import { syncBuiltinESMExports } from 'node:module';
  const { parseArgs } = util;
  util.parseArgs = (config) => {
    parseArgs(config);
    process.exit(0);
  };
  syncBuiltinESMExports();
`)}`;

describe('the commands of operators’ pages', () => {
  it('are read as a shell does', () => {
    const block =
      'npm ci && npx a  # why\ncurl \\\n  -d \'{"a": 1}\' "$SLUICE/x"\ngcloud list |\n  xargs -n1 gcloud';
    assert.deepEqual(commandsIn(block).sort(), [
      ['curl', '-d', '{"a": 1}', 'https://sluice.invalid/x'],
      ['gcloud', 'list'],
      ['npm', 'ci'],
      ['npx', 'a'],
      ['xargs', '-n1', 'gcloud'],
    ]);
    assert.throws(() => commandsIn('unheard-of --of'));
    assert.ok(found.length > 40);
  });

  it('that call npm have a script, whose parser takes their arguments', function () {
    this.timeout(60_000);
    const calls = found.filter(({ argv }) => argv[0] === 'npm');
    assert.ok(calls.length > 8);
    const parsed = new Set<string>();
    for (const { page, argv } of calls) {
      const [, command = '', name = '', ...rest] = argv;
      if (command !== 'run') {
        assert.ok(elsewhere[`npm ${command}`], `${page}: ${argv.join(' ')}`);
        continue;
      }
      const file = /scripts\/run\.mjs (\S+\.ts)/.exec(scripts[name] ?? '')?.[1];
      assert.ok(file, `${page}: there is no npm run ${name}`);
      const args = rest[0] === '--' ? rest.slice(1) : rest;
      const line = [file, ...args].join(' ');
      if (parsed.has(line)) continue;
      parsed.add(line);
      const given = ['--import', parseOnly, join(root, file), ...args];
      assert.doesNotThrow(() => execFileSync(process.execPath, given, { stdio: 'pipe' }), `${page}: ${line}`);
    }
  });

  it('that call npm are run by a test, with each of their flags', () => {
    for (const { page, argv } of found.filter(({ argv: [name, run] }) => name === 'npm' && run === 'run')) {
      const script = /scripts\/run\.mjs scripts\/(\S+\.ts)/.exec(scripts[argv[2] ?? ''] ?? '')?.[1] ?? '';
      const running = runnersOf(script);
      assert.ok(
        running.some(({ file }) => file.startsWith('test/')),
        `${page}: no test runs ${script}`,
      );
      for (const flag of argv.filter((each) => /^--\w/.test(each)))
        assert.ok(
          running.some(({ text }) => text.includes(`'${flag}'`)),
          `${page}: nothing runs ${script} ${flag}`,
        );
    }
  });

  it('that call the Firebase CLI are run by a test or a script, or by hand', () => {
    for (const command of found.filter(({ argv }) => argv[0] === 'npx')) {
      const [, cli, verb = '', ...rest] = command.argv;
      assert.equal(cli, 'firebase', shown(command));
      if (byHand.includes(`npx firebase ${verb}`)) continue;
      for (const word of [verb, ...rest.filter((each) => /^--\w/.test(each))])
        assert.ok(
          runners.some(({ text }) => text.includes(`'${word}'`)),
          `${command.page}: nothing runs ${shown(command)}`,
        );
    }
  });

  it('are all of a kind that is held here', () => {
    const others = found.filter(({ argv: [name] }) => !['npm', 'npx', 'curl'].includes(name ?? ''));
    const unheld = others.filter((command) => {
      const line = shown(command).replace(/^xargs -\w+ /, '');
      return !byHand.some((each) => line.startsWith(each));
    });
    assert.deepEqual(unheld.map(shown), []);
    const all = found.map((command) => shown(command).replace(/^xargs -\w+ /, ''));
    assert.deepEqual(
      byHand.filter((each) => !all.some((line) => line.startsWith(each))),
      [],
      'by hand, and in no page',
    );
  });
});
