/** A reference taken apart (distribution/reference): `docker.io/library/busybox:1.36`. */
export interface ImageName {
  registry: string;
  repository: string;
  tag: string;
  digest: string;
}

const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const host =
  '(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)' +
  '*|\\[[0-9a-fA-F:]+\\])(?::[0-9]+)?';
const reference = new RegExp(
  `^(?:(${host})/)?(${component}(?:/${component})*)(?::(\\w[\\w.-]{0,127}))` +
    '?(?:@([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?$',
);
const longestRepository = 255;

/** Throws with the words of upstream's parser. A name without tag and digest gets `latest`. */
export function parseImageName(text: string): ImageName {
  const fail = (why: string): Error =>
    new Error(`couldn't parse image name ${JSON.stringify(text)}: ${why}`);
  if (text !== '' && reference.exec(text) === null && reference.exec(text.toLowerCase()) !== null)
    throw fail('repository name must be lowercase');
  const match = reference.exec(text);
  if (!match) throw fail('invalid reference format');
  let [, first = '', repository = '', tag = '', digest = ''] = match;
  // Only a first part with a dot, a port or the name localhost is a registry; `library/busybox` is
  // not.
  if (first && !/[.:]/.test(first) && first !== 'localhost' && first === first.toLowerCase()) {
    repository = `${first}/${repository}`;
    first = '';
  }
  let registry = first || 'docker.io';
  if (registry === 'index.docker.io') registry = 'docker.io';
  if (registry === 'docker.io' && !repository.includes('/')) repository = `library/${repository}`;
  if (repository.length > longestRepository)
    throw fail('repository name must not be more than 255 characters');
  if (!tag && !digest) tag = 'latest';
  return { registry, repository, tag, digest };
}

/** The name with `:latest` where neither tag nor digest is given, otherwise as written. */
export function withDefaultTag(text: string): string {
  const { tag } = parseImageName(text);
  const last = text.slice(text.lastIndexOf('/') + 1);
  return tag === 'latest' && !last.includes(':') && !last.includes('@') ? `${text}:latest` : text;
}

/** How a name ends: a digest says all, a tag goes without. */
export const suffixOf = (name: ImageName): string =>
  name.digest ? `@${name.digest}` : `:${name.tag}`;

/** The name with registry and tag or digest, as the runtime keeps it. */
export function wholeName(text: string): string {
  const name = parseImageName(text);
  return `${name.registry}/${name.repository}${suffixOf(name)}`;
}
