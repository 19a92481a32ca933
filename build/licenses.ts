import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { kubectlVersion } from './kubectl.ts';

/** What travels with the program and is not an npm package: its licence is told here. */
const sqliteNotice = 'SQLite is in the public domain: https://www.sqlite.org/copyright.html';
const kubectlNotice =
  'Copyright The Kubernetes Authors. Licensed under the Apache License, Version 2.0, as skiff ' +
  'is (above).\nThe licences of the Go modules that it is linked from: ' +
  `https://github.com/kubernetes/kubernetes/tree/v${kubectlVersion}/LICENSES`;

const gatewayNotice =
  'Copyright The Kubernetes Authors. Licensed under the Apache License, Version 2.0, as skiff ' +
  'is (above).\nThe CustomResourceDefinitions of https://github.com/kubernetes-sigs/gateway-api';

export interface Package {
  dir: string;
  name: string;
  version: string;
  license: string;
}

/**
 * The notices of everything in the executable, as text: of the packages in `dirs`, of Node (with
 * all that it is made of), of SQLite and of kubectl. Throws an Error when a package names no
 * licence or brings no text of it and none is known.
 */
export function licenseNotices(options: {
  own: string;
  dirs: string[];
  nodePackage: string;
  kubectl: boolean;
}): string {
  const packages = options.dirs
    .map(describe)
    .toSorted((a, b) => (`${a.name}@${a.version}` < `${b.name}@${b.version}` ? -1 : 1));
  const node = describe(options.nodePackage);
  const parts: [string, string][] = [
    ['skiff (Apache-2.0)', readFileSync(options.own, 'utf8')],
    [
      `Node.js ${node.version} (MIT, and the licences of its parts)`,
      readFileSync(join(options.nodePackage, 'LICENSE'), 'utf8'),
    ],
    ['SQLite (public domain)', sqliteNotice],
    ['Gateway API (Apache-2.0)', gatewayNotice],
    ...(options.kubectl
      ? [[`kubectl ${kubectlVersion} (Apache-2.0)`, kubectlNotice] as [string, string]]
      : []),
    ...packages.map((one): [string, string] => [
      `${one.name} ${one.version} (${one.license})`,
      textOf(one),
    ]),
  ];
  const line = '='.repeat(100);
  const chapters = parts.map(([title, text]) => `\n${line}\n${title}\n${line}\n\n${text.trim()}\n`);
  const list = parts.map(([title]) => `  ${title}`).join('\n');
  return `This program holds:\n${list}\n${chapters.join('')}`;
}

/** The folders of packages that files of these names (below the root) belong to. */
export function packageDirs(root: string, inputs: string[]): string[] {
  const dirs = new Set<string>();
  for (const input of inputs) {
    const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match?.[1] !== undefined) dirs.add(join(root, match[1]));
  }
  return [...dirs];
}

/** What a package says of itself. */
export function describe(dir: string): Package {
  const { name, version, license } = JSON.parse(
    readFileSync(join(dir, 'package.json'), 'utf8'),
  ) as Partial<Package>;
  if (!name || !version || typeof license !== 'string') throw new Error(`${dir}: names no licence`);
  return { dir, name, version, license };
}

/**
 * The licence and notice files of a package; of the package that it is a part of; or what its
 * readme and manifest say.
 */
function textOf({ dir, name, license }: Package): string {
  for (const place of [dir, dir.replace(/-linux-(x64|arm64)$/, '')]) {
    const files = readdirSync(place)
      .filter((file) => /^(licen[cs]e|copying|notice)/i.test(file))
      .toSorted();
    if (files.length > 0)
      return files.map((file) => readFileSync(join(place, file), 'utf8').trim()).join('\n\n');
  }
  const { author } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as {
    author?: string | { name?: string };
  };
  const readme = readdirSync(dir).find((file) => /^readme/i.test(file));
  const said =
    readme === undefined
      ? undefined
      : /^#+ *licen[cs]e[\s\S]*/im.exec(readFileSync(join(dir, readme), 'utf8'))?.[0];
  const by = typeof author === 'string' ? author : author?.name;
  if (said === undefined && by === undefined)
    throw new Error(`${name}: no text of its licence (${license}) and no author`);
  return [
    `${name} brings no file with its licence, ${license}.`,
    by === undefined ? '' : `Author: ${by}`,
    said ?? '',
  ]
    .filter(Boolean)
    .join('\n');
}
