import { expect, test } from 'vitest';
import { newestOf, parseIndexTargets, suitesOf } from './apt-suites.ts';

const target = (mirror: string, suite: string, component: string, origin: string, label = origin): string =>
  `MetaKey: ${component}/binary-amd64/Packages\nCodename: ${suite}\n` +
  (origin === '' ? '' : `Label: ${label}\nOrigin: ${origin}\n`) +
  `Component: ${component}\nRelease: ${suite}\nRepo-URI: ${mirror}\nTarget-Of: deb\n`;

const debian = 'http://mirror.example/debian/';

test("Debian's newer suites are looked for on the machine's own mirror, and only with its own publisher", () => {
  const targets = parseIndexTargets(
    [
      target('http://vendor.example/apt/', 'nodistro', 'main', '. nodistro'),
      target(debian, 'bookworm', 'main', 'Debian'),
      target(debian, 'bookworm-updates', 'main', 'Debian'),
      target(
        'http://mirror.example/debian-security/',
        'bookworm-security',
        'main',
        'Debian',
        'Debian-Security',
      ),
    ].join('\n'),
  );
  const suites = suitesOf(targets);
  expect(suites.map(({ suite }) => suite)).toEqual([
    'testing',
    'stable',
    'unstable',
    'experimental',
    'oldstable',
    'bookworm',
    'bookworm-updates',
  ]);
  expect(new Set(suites.map(({ mirror }) => mirror))).toEqual(new Set([debian]));
});

test('elsewhere the suites are those that the machine reads, with all their components', () => {
  const mirror = 'http://mirror.example/ubuntu/';
  const targets = parseIndexTargets(
    ['main', 'universe'].map((component) => target(mirror, 'noble', component, 'Ubuntu')).join('\n'),
  );
  expect(suitesOf(targets)).toEqual([
    { mirror, suite: 'noble', components: ['main', 'universe'], origin: 'Ubuntu' },
  ]);
});

test('sources whose lists were never fetched, and no sources at all, give none', () => {
  expect(suitesOf(parseIndexTargets(target(debian, 'bookworm', 'main', '')))).toEqual([]);
  expect(suitesOf(parseIndexTargets(''))).toEqual([]);
});

test('the newest version of a major one is found, and another major one is none', () => {
  const table = [
    ' docker.io | 28.5.2+dfsg4-5 | http://mirror.example/debian testing/main amd64 Packages',
    ' docker.io | 28.2.2-1 | http://mirror.example/debian testing/main amd64 Packages',
    'docker-cli | 28.5.2+dfsg4-5 | http://mirror.example/debian testing/main amd64 Packages',
    '     runc | 1:1.3.6+ds1-1 | http://mirror.example/debian testing/main amd64 Packages',
  ].join('\n');
  expect(newestOf(table, 'docker.io', 28)).toBe('28.5.2+dfsg4-5');
  expect(newestOf(table, 'docker.io', 2)).toBeNull();
  expect(newestOf(table, 'runc')).toBe('1:1.3.6+ds1-1');
  expect(newestOf(table, 'runc', 1)).toBe('1:1.3.6+ds1-1');
  expect(newestOf('', 'docker.io', 28)).toBeNull();
});
