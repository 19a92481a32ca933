import { createHash } from 'node:crypto';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
} from '../generated/types/apiextensions-v1.ts';
import type { KindInfo, SubresourceInfo } from '../kind-info.ts';
import { compileCrdSchema, type CrdVersion, type ScalePaths } from './compile.ts';
import type { JsonSchema } from './json-schema.ts';

const verbs = [
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'create',
  'update',
  'watch',
] as const;
const subresourceVerbs = ['get', 'patch', 'update'] as const;

/**
 * The kinds that a definition serves, one for each served version. Names are those it was accepted
 * with.
 */
export function kindsOfDefinition(definition: CustomResourceDefinition): KindInfo[] {
  return definition.spec.versions
    .filter((version) => version.served)
    .map((version) => kindOf(definition, version));
}

/** What discovery shows of the version that objects are stored in. */
function storageVersionHash(group: string, version: string, kind: string): string {
  return createHash('sha256')
    .update(`${group}/${version}/${kind}`)
    .digest()
    .subarray(0, 8)
    .toString('base64');
}

function compileVersion(
  definition: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
): CrdVersion {
  const scale = version.subresources?.scale;
  return compileCrdSchema({
    name: version.name,
    group: definition.spec.group,
    kind: definition.spec.names.kind,
    schema: version.schema?.openAPIV3Schema as JsonSchema | undefined,
    ...(definition.spec.preserveUnknownFields ? { preserveUnknownFields: true } : {}),
    ...(version.additionalPrinterColumns ? { columns: version.additionalPrinterColumns } : {}),
    ...(scale ? { scale: scale as ScalePaths } : {}),
    hasStatus: version.subresources?.status !== undefined && version.subresources.status !== null,
    selectableFields: (version.selectableFields ?? []).map((field) =>
      field.jsonPath.replace(/^\./, ''),
    ),
  });
}

function subresources(
  crd: CrdVersion,
  group: string,
  version: string,
  kind: string,
): Map<string, SubresourceInfo> {
  const out = new Map<string, SubresourceInfo>();
  if (crd.hasStatus)
    out.set('status', { name: 'status', group, version, kind, verbs: subresourceVerbs });
  if (crd.scale)
    out.set('scale', {
      name: 'scale',
      group: 'autoscaling',
      version: 'v1',
      kind: 'Scale',
      verbs: subresourceVerbs,
    });
  return out;
}

function kindOf(
  definition: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
): KindInfo {
  const { group, scope } = definition.spec;
  const names = { ...definition.spec.names, ...definition.status?.acceptedNames };
  const crd = compileVersion(definition, version);
  const storage = definition.spec.versions.find((v) => v.storage) ?? version;
  const deprecation =
    version.deprecationWarning ?? `${group}/${version.name} ${names.kind} is deprecated`;
  return {
    group,
    version: version.name,
    kind: names.kind,
    listKind: names.listKind ?? `${names.kind}List`,
    resource: names.plural,
    singular: names.singular ?? names.kind.toLowerCase(),
    namespaced: scope === 'Namespaced',
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    verbs,
    subresources: subresources(crd, group, version.name, names.kind),
    storageVersion: `${group}/${storage.name}`,
    storageVersionHash: storageVersionHash(group, storage.name, names.kind),
    fieldSelectors: ['metadata.name', 'metadata.namespace', ...crd.selectableFields],
    fieldSelectorMap: {},
    createOnUpdate: false,
    unconditionalUpdate: false,
    resetFields: crd.hasStatus ? { '': ['status'], status: ['metadata', 'spec'] } : {},
    get type() {
      return crd.type;
    },
    listType: undefined,
    custom: true,
    crd,
    ...(version.deprecated ? { deprecationWarning: deprecation } : {}),
  };
}
