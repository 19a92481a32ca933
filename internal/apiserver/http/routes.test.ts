import { expect, test } from 'vitest';
import type { Paths } from './paths.ts';
import type { PathHandler } from '../server.ts';
import { routesOf } from './routes.ts';

const handler = (name: string): PathHandler => Object.assign(() => undefined, { called: name });
const paths: Paths = {
  exact: new Map([
    ['/', handler('root')],
    ['/healthz', handler('healthz')],
    ['/apis/apps/v1', handler('apps')],
    ['/openapi/v3', handler('index')],
  ]),
  below: [
    ['/healthz/', handler('check')],
    ['/openapi/v3/', handler('document')],
    ['/logs/', handler('logs')],
  ],
};
const routes = routesOf(paths);
const found = (path: string): unknown =>
  (routes.find(path) as { called?: string } | undefined)?.called;

test.each([
  ['/', 'root'],
  ['/healthz', 'healthz'],
  ['/healthz/', 'healthz'],
  ['/healthz/etcd', 'check'],
  ['/healthz/poststarthook/a', 'check'],
  ['/apis/apps/v1', 'apps'],
  ['/apis/apps/v1/', 'apps'],
  ['/openapi/v3/apis/apps/v1', 'document'],
  ['/openapi/v3', 'index'],
  ['/logs/', 'logs'],
  ['/logs', undefined],
  ['/logsx', undefined],
  ['/apis', undefined],
  ['/apis/apps/v1/x', undefined],
  ['/HEALTHZ', undefined],
  ['//healthz', undefined],
  ['/healthz//', 'check'],
  ['', undefined],
  ['/:any', undefined],
  ['/*', undefined],
])('%s is %s', (path, name) => expect(found(path)).toBe(name));
