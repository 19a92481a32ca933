import { describe, expect, test } from 'vitest';
import { flag, parseQuery, readRequestInfo } from './request-info.ts';

const read = (line: string) => {
  const [method = '', url = ''] = line.split(' ');
  const { verb, group, version, namespace, resource, subresource, name, isResource } =
    readRequestInfo(method, url);
  return isResource
    ? [verb, group, version, namespace, resource, subresource, name].join('|')
    : `path|${verb}`;
};

describe('what a request asks for', () => {
  test.each([
    ['GET /api/v1/pods', 'list||v1||pods||'],
    ['GET /api/v1/namespaces/a/pods', 'list||v1|a|pods||'],
    ['GET /api/v1/namespaces/a/pods/p', 'get||v1|a|pods||p'],
    ['HEAD /api/v1/namespaces/a/pods/p', 'get||v1|a|pods||p'],
    ['GET /api/v1/namespaces/a/pods/p/log?follow=true', 'get||v1|a|pods|log|p'],
    ['POST /api/v1/namespaces/a/pods/p/exec', 'create||v1|a|pods|exec|p'],
    ['GET /api/v1/namespaces/a/pods?watch=true', 'watch||v1|a|pods||'],
    ['GET /api/v1/namespaces/a/pods?watch=false', 'list||v1|a|pods||'],
    ['GET /api/v1/watch/namespaces/a/pods', 'watch||v1|a|pods||'],
    ['DELETE /api/v1/namespaces/a/pods', 'deletecollection||v1|a|pods||'],
    ['DELETE /api/v1/namespaces/a', 'delete||v1|a|namespaces||a'],
    ['GET /api/v1/namespaces', 'list||v1||namespaces||'],
    ['PUT /api/v1/namespaces/a/finalize', 'update||v1|a|namespaces|finalize|a'],
    ['PATCH /api/v1/namespaces/a/status', 'patch||v1|a|namespaces|status|a'],
    ['PATCH /apis/apps/v1/namespaces/a/deployments/d/scale', 'patch|apps|v1|a|deployments|scale|d'],
    ['GET /api/v1/nodes/n/proxy/metrics', 'get||v1||nodes|proxy|n'],
    ['GET /api/v1/nodes/n/shell?command=id', 'shell||v1||nodes|shell|n'],
    ['POST /api/v1/nodes/n/shell', 'shell||v1||nodes|shell|n'],
    ['GET /api/v1/nodes/n/proxy/shell', 'get||v1||nodes|proxy|n'],
    ['GET /api/v1/watch/nodes/n/shell', 'watch||v1||nodes|shell|n'],
    ['GET /apis/x/v1/nodes/n/shell', 'get|x|v1||nodes|shell|n'],
    ['GET /apis/apps/v1', 'path|get'],
    ['GET /api', 'path|get'],
    ['POST /version', 'path|post'],
    ['GET /api/v1/namespaces/a/pods?fieldSelector=metadata.name%3Dp', 'list||v1|a|pods||p'],
    [
      'GET /api/v1/namespaces/a/pods?watch=1&fieldSelector=metadata.name=p,status.phase=Running',
      'watch||v1|a|pods||p',
    ],
    ['GET /api/v1/namespaces/a/pods?fieldSelector=metadata.name!=p', 'list||v1|a|pods||'],
    [
      'GET /api/v1/namespaces/a/services/https:web:443/proxy/x',
      'get||v1|a|services|proxy|https:web:443',
    ],
  ])('%s', (line, expected) => expect(read(line)).toBe(expected));
});

describe('queries', () => {
  test('values repeat and are decoded', () => {
    const query = parseQuery('command=sh&command=-c&command=echo%20a+b&tty');
    expect(query.get('command')).toEqual(['sh', '-c', 'echo a b']);
    expect(query.get('tty')).toEqual(['']);
  });

  test('a broken escape is taken as it stands', () => {
    expect(parseQuery('a=%zz').get('a')).toEqual(['%zz']);
  });

  test('flags are true unless they say false', () => {
    const query = parseQuery('a=true&b=1&c=false&d=0&e=');
    expect(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => flag(query, name))).toEqual([
      true,
      true,
      false,
      false,
      true,
      false,
    ]);
  });
});
