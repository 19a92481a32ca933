import type { KubeObject } from '../../api/object.ts';

type Fields = Record<string, unknown>;
type Column = Fields & { JSONPath?: unknown };

interface OldSpec extends Fields {
  version?: string;
  versions?: Fields[];
  validation?: unknown;
  subresources?: unknown;
  additionalPrinterColumns?: Column[];
  conversion?: {
    strategy?: string;
    webhookClientConfig?: unknown;
    conversionReviewVersions?: unknown;
  };
  preserveUnknownFields?: boolean;
}

/**
 * A CustomResourceDefinition as kube-apiserver stores it, in v1beta1 to this day, as one of v1:
 * what stood beside the versions goes into each.
 */
export function definitionFromV1beta1(object: KubeObject): KubeObject {
  const {
    version,
    versions = [{ name: version, served: true, storage: true }],
    validation,
    subresources,
    additionalPrinterColumns,
    conversion,
    preserveUnknownFields,
    ...spec
  } = (object as KubeObject & { spec: OldSpec }).spec;
  const common = {
    ...(validation !== undefined && { schema: validation }),
    ...(subresources !== undefined && { subresources }),
    ...(additionalPrinterColumns !== undefined && { additionalPrinterColumns }),
  };
  return {
    ...object,
    apiVersion: 'apiextensions.k8s.io/v1',
    spec: {
      ...spec,
      versions: versions.map((one) => withColumns({ ...common, ...one })),
      ...(conversion && { conversion: conversionOf(conversion) }),
      // Before v1 unknown fields were kept by default.
      ...(preserveUnknownFields !== false && { preserveUnknownFields: true }),
    },
  } as KubeObject;
}

function withColumns(version: Fields): Fields {
  const columns = version['additionalPrinterColumns'] as Column[] | undefined;
  return columns
    ? {
        ...version,
        additionalPrinterColumns: columns.map(({ JSONPath, ...column }) => ({
          ...column,
          jsonPath: column['jsonPath'] ?? JSONPath,
        })),
      }
    : version;
}

function conversionOf({
  strategy,
  webhookClientConfig,
  conversionReviewVersions,
}: NonNullable<OldSpec['conversion']>): Fields {
  return strategy === 'Webhook'
    ? { strategy, webhook: { clientConfig: webhookClientConfig, conversionReviewVersions } }
    : { strategy };
}
