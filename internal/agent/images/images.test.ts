import { partOf } from '../../base/testing/part-of.ts';
import { describe, expect, it } from 'vitest';
import type { Secret } from '../../api/generated/types/core-v1.ts';
import { credentialsFor } from './docker-config.ts';
import { parseImageName, withDefaultTag } from './image-name.ts';

describe('image names', () => {
  it('are completed as upstream completes them', () => {
    expect(parseImageName('busybox')).toEqual({
      registry: 'docker.io',
      repository: 'library/busybox',
      tag: 'latest',
      digest: '',
    });
    expect(parseImageName('localhost:5000/a/b:v1')).toEqual({
      registry: 'localhost:5000',
      repository: 'a/b',
      tag: 'v1',
      digest: '',
    });
    expect(parseImageName('org/app')).toMatchObject({
      registry: 'docker.io',
      repository: 'org/app',
    });
    expect(parseImageName(`reg.example/x@sha256:${'0'.repeat(64)}`)).toMatchObject({
      registry: 'reg.example',
      tag: '',
      digest: `sha256:${'0'.repeat(64)}`,
    });
    expect([
      withDefaultTag('busybox'),
      withDefaultTag('reg:5000/x'),
      withDefaultTag('x:1'),
    ]).toEqual(['busybox:latest', 'reg:5000/x:latest', 'x:1']);
  });

  it('are refused in its words', () => {
    expect(() => parseImageName('FOO')).toThrow(
      'couldn\'t parse image name "FOO": repository name must be lowercase',
    );
    for (const bad of ['', 'a b', '-x', 'a//b', 'x:'])
      expect(() => parseImageName(bad)).toThrow('invalid reference format');
  });
});

describe('pull secrets', () => {
  const secret = (auths: object): Secret =>
    partOf<Secret>({
      type: 'kubernetes.io/dockerconfigjson',
      data: { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') },
    });
  const auth = (user: string) => ({ auth: Buffer.from(`${user}:pw`).toString('base64') });
  const users = (image: string, ...secrets: Secret[]) =>
    credentialsFor(parseImageName(image), secrets).map((c) => c.username);

  it('match by registry and path, the closest first', () => {
    const all = secret({
      'reg.example': auth('whole'),
      'reg.example/team': auth('team'),
      'https://other.example/v1/': auth('other'),
      '*.wild.example': auth('wild'),
    });
    expect(users('reg.example/team/app', all)).toEqual(['team', 'whole']);
    expect(users('reg.example/teammate/app', all)).toEqual(['whole']);
    expect(users('other.example/x', all)).toEqual(['other']);
    expect(users('a.wild.example/x', all)).toEqual(['wild']);
    expect(users('b.a.wild.example/x', all)).toEqual([]);
    expect(users('busybox', secret({ 'https://index.docker.io/v1/': auth('hub') }))).toEqual([
      'hub',
    ]);
  });
});
