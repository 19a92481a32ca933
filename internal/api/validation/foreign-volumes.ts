import { table } from '../../base/own.ts';
import type { Dict } from '../loose.ts';
import { dictOf, isDict, listOf, numberOf, textOf } from '../loose.ts';
import { dns1123Label } from '../names.ts';
import { checkDescendingPath } from './pod-paths.ts';
import type { Problems } from './problems.ts';

type Check = (problems: Problems, source: Dict, path: string) => void;

const iqn = /iqn\.\d{4}-\d{2}\.([A-Za-z0-9-.]+)(:[^,;*&$|\s]+)$/;
const eui = /^eui.[A-Za-z0-9]{16}$/;
const naa = /^naa.[A-Za-z0-9]{32}$/;
const hostPorts = 'must be a host:port pair or multiple pairs separated by commas';
const maxTenant = 64;
const maxPartition = 255;

/** Fields that must be there. */
function needs(...fields: string[]): Check {
  return (problems, source, path) => {
    for (const field of fields) {
      const value = source[field];
      if (
        value === undefined ||
        value === null ||
        value === '' ||
        (Array.isArray(value) && value.length === 0)
      )
        problems.required(`${path}.${field}`);
    }
  };
}

const all =
  (...checks: Check[]): Check =>
  (problems, source, path) => {
    for (const check of checks) check(problems, source, path);
  };

const partition: Check = (problems, source, path) => {
  const part = numberOf(source['partition']);
  if (part < 0 || part > maxPartition)
    problems.invalid(`${path}.partition`, part, 'must be between 1 and 255, inclusive');
};

const secretName: Check = (problems, source, path) => {
  if (isDict(source['secretRef']) && !source['secretRef']['name'])
    problems.required(`${path}.secretRef.name`);
};

function checkInitiator(problems: Problems, name: string, field: string): void {
  const rule = name.startsWith('iqn')
    ? iqn
    : name.startsWith('eui')
      ? eui
      : name.startsWith('naa')
        ? naa
        : undefined;
  if (!rule) problems.invalid(field, name, 'must be valid format starting with iqn, eui, or naa');
  else if (!rule.test(name)) problems.invalid(field, name, 'must be valid format');
}

const iscsi: Check = (problems, source, path) => {
  if (!source['targetPortal']) problems.required(`${path}.targetPortal`);
  if (!source['iqn']) problems.required(`${path}.iqn`);
  else checkInitiator(problems, textOf(source['iqn']), `${path}.iqn`);
  problems.range(`${path}.lun`, numberOf(source['lun']), 0, 255);
  if ((source['chapAuthDiscovery'] || source['chapAuthSession']) && !source['secretRef'])
    problems.required(`${path}.secretRef`);
  if (typeof source['initiatorName'] === 'string')
    checkInitiator(problems, source['initiatorName'], `${path}.initiatorname`);
};

const fc: Check = (problems, source, path) => {
  const [names, ids] = [listOf(source['targetWWNs']), listOf(source['wwids'])];
  if (names.length === 0 && ids.length === 0)
    problems.required(
      `${path}.targetWWNs`,
      'must specify either targetWWNs or wwids, but not both',
    );
  if (names.length === 0) return;
  if (ids.length > 0)
    problems.invalid(
      `${path}.targetWWNs`,
      names,
      'targetWWNs and wwids can not be specified simultaneously',
    );
  if (typeof source['lun'] !== 'number')
    problems.required(`${path}.lun`, 'lun is required if targetWWNs is specified');
  else problems.range(`${path}.lun`, source['lun'], 0, 255);
};

const azureDisk: Check = (problems, source, path) => {
  needs('diskName', 'diskURI')(problems, source, path);
  const { cachingMode, kind } = source;
  for (const [field, value, supported] of [
    ['cachingMode', cachingMode, ['None', 'ReadOnly', 'ReadWrite']],
    ['kind', kind, ['Dedicated', 'Managed', 'Shared']],
  ] as const) {
    if (typeof value === 'string' && !(supported as readonly string[]).includes(value))
      problems.notSupported(`${path}.${field}`, value, supported);
  }
  const uri = textOf(source['diskURI']);
  if (kind === 'Managed' && !uri.startsWith('/subscriptions/'))
    problems.notSupported(`${path}.diskURI`, uri, [
      '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/' +
        '{disk-id}',
    ]);
  if (typeof kind === 'string' && kind !== 'Managed' && !uri.startsWith('https://'))
    problems.notSupported(`${path}.diskURI`, uri, [
      'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd',
    ]);
};

const storageos: Check = (problems, source, path) => {
  if (!source['volumeName']) problems.required(`${path}.volumeName`);
  else problems.check(`${path}.volumeName`, textOf(source['volumeName']), dns1123Label);
  if (source['volumeNamespace'])
    problems.check(`${path}.volumeNamespace`, textOf(source['volumeNamespace']), dns1123Label);
  secretName(problems, source, path);
};

const quobyte: Check = (problems, source, path) => {
  const registry = textOf(source['registry']);
  if (!registry) problems.required(`${path}.registry`, hostPorts);
  else if (textOf(source['tenant']).length > maxTenant)
    problems.required(
      `${path}.tenant`,
      'must be a UUID and may not exceed a length of 64 characters',
    );
  else
    for (const pair of registry.split(','))
      if (!/^(\[[^\]]*\]|[^:]*):[^:]*$/.test(pair))
        problems.invalid(`${path}.registry`, registry, hostPorts);
  if (!source['volume']) problems.required(`${path}.volume`);
};

const flocker: Check = (problems, source, path) => {
  const [name, id] = [textOf(source['datasetName']), textOf(source['datasetUUID'])];
  if (!name && !id) problems.required(path, 'one of datasetName and datasetUUID is required');
  if (name && id)
    problems.invalid(
      path,
      'resource',
      'datasetName and datasetUUID can not be specified simultaneously',
    );
  if (name.includes('/')) problems.invalid(`${path}.datasetName`, name, "must not contain '/'");
};

const flexVolume: Check = (problems, source, path) => {
  if (!source['driver']) problems.required(`${path}.driver`);
  for (const key of Object.keys(dictOf(source['options']))) {
    if (/\.(kubernetes|k8s)\.io$/.test(`.${key.split('/')[0]?.toLowerCase()}`))
      problems.invalid(
        `${path}.options[${key}]`,
        key,
        'kubernetes.io and k8s.io namespaces are reserved',
      );
  }
};

const gitRepo: Check = (problems, source, path) => {
  if (!source['repository']) problems.required(`${path}.repository`);
  checkDescendingPath(problems, textOf(source['directory']), `${path}.directory`);
};

const checks: Readonly<Record<string, Check>> = table({
  gitRepo,
  gcePersistentDisk: all(needs('pdName'), partition),
  awsElasticBlockStore: all(needs('volumeID'), partition),
  iscsi,
  glusterfs: needs('endpoints', 'path'),
  flocker,
  rbd: needs('monitors', 'image'),
  cinder: all(needs('volumeID'), secretName),
  cephfs: needs('monitors'),
  quobyte,
  fc,
  flexVolume,
  azureFile: needs('secretName', 'shareName'),
  vsphereVolume: needs('volumePath'),
  photonPersistentDisk: needs('pdID'),
  portworxVolume: needs('volumeID'),
  azureDisk,
  storageos,
  scaleIO: needs('gateway', 'system', 'volumeName'),
});

/** Volume types that this distribution does not mount: they must be storable all the same. */
export function checkForeignVolume(
  problems: Problems,
  type: string,
  source: unknown,
  path: string,
): void {
  // The one whose name in messages is not its name in JSON.
  checks[type]?.(
    problems,
    dictOf(source),
    type === 'gcePersistentDisk' ? path.replace(/gcePersistentDisk$/, 'persistentDisk') : path,
  );
}
