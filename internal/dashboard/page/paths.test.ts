import { describe, expect, it } from 'vitest';
import { menu, nodes, pods } from './kinds.ts';
import {
  listPath,
  objectPath,
  objectPlace,
  placeOf,
  readObjectPlace,
  readPlace,
  withQuery,
} from './paths.ts';

const deployments = menu.find(({ title }) => title === 'Workloads')!.kinds[1]![1];
const nasty = '../../secrets?x=<img src=x>#"%2e\u202E';

describe('paths', () => {
  it('are those of the API', () => {
    expect(listPath(pods)).toBe('/api/v1/pods');
    expect(listPath(pods, 'a')).toBe('/api/v1/namespaces/a/pods');
    expect(listPath(nodes, 'a')).toBe('/api/v1/nodes');
    expect(objectPath({ ...deployments, namespace: 'a', name: 'w' }, 'scale')).toBe(
      '/apis/apps/v1/namespaces/a/deployments/w/scale',
    );
  });

  it('no name leads elsewhere', () => {
    const path = objectPath({ ...pods, namespace: nasty, name: nasty }, nasty);
    const url = new URL(path, 'https://x');
    expect(url.search + url.hash).toBe('');
    const parts = url.pathname.split('/');
    expect(parts.slice(0, 4)).toEqual(['', 'api', 'v1', 'namespaces']);
    expect(parts.map(decodeURIComponent).filter((part) => part === nasty)).toHaveLength(3);
    expect(parts).toHaveLength(8);
  });

  it('places bring back what was put in', () => {
    for (const ref of [
      { ...pods, namespace: nasty, name: nasty },
      { ...nodes, name: nasty },
      { ...deployments, namespace: 'a', name: 'b' },
    ]) {
      const { parts, query } = readPlace(objectPlace(ref, 'yaml'));
      expect(readObjectPlace(parts)).toEqual(ref);
      expect(query.get('tab')).toBe('yaml');
    }
    expect(readPlace('#/a%zz/b').parts).toEqual(['a%zz', 'b']);
    expect(readObjectPlace(['object', 'x', 'y'])).toBeUndefined();
    expect(placeOf(['nodes'])).toBe('#/nodes');
  });

  it('leaves out what is not asked', () => {
    expect(withQuery('/x', { a: undefined, b: 1, c: '&' })).toBe('/x?b=1&c=%26');
  });
});
