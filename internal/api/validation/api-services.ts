import type { APIService } from '../generated/types/apiregistration-v1.ts';
import { dns1035Label, dns1123Subdomain, pathSegmentName, validPortNumber } from '../names.ts';
import { checkMetadata, checkMetadataUpdate } from './metadata.ts';
import type { Problems } from './problems.ts';
import type { Rule } from './rule.ts';

const mostGroup = 20_000;
const mostVersion = 1000;

function checkApiService(problems: Problems, { metadata, spec }: APIService): void {
  const {
    group = '',
    version = '',
    service,
    caBundle,
    insecureSkipTLSVerify: insecure,
  } = spec ?? {};
  const wanted = `${version}.${group}`;
  const name = (value: string): string[] => {
    const wrong = pathSegmentName(value);
    return wrong.length > 0 || value === wanted
      ? wrong
      : [`must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`];
  };
  checkMetadata(problems, metadata ?? {}, { namespaced: false, name, anyFinalizer: true });
  if (!group && version !== 'v1')
    problems.required('spec.group', 'only v1 may have an empty group and it better be legacy kube');
  if (group) problems.check('spec.group', group, dns1123Subdomain);
  problems.check('spec.version', version, dns1035Label);
  const [groupPriority, versionPriority] = [
    spec?.groupPriorityMinimum ?? 0,
    spec?.versionPriority ?? 0,
  ];
  if (groupPriority <= 0 || groupPriority > mostGroup)
    problems.invalid(
      'spec.groupPriorityMinimum',
      groupPriority,
      'must be positive and less than 20000',
    );
  if (versionPriority <= 0 || versionPriority > mostVersion)
    problems.invalid(
      'spec.versionPriority',
      versionPriority,
      'must be positive and less than 1000',
    );
  if (!service) {
    if (caBundle)
      problems.invalid(
        'spec.caBundle',
        `${Buffer.byteLength(caBundle, 'base64')} bytes`,
        'local APIServices may not have a caBundle',
      );
    if (insecure)
      problems.invalid(
        'spec.insecureSkipTLSVerify',
        insecure,
        'local APIServices may not have insecureSkipTLSVerify',
      );
    return;
  }
  for (const field of ['namespace', 'name'] as const)
    if (!service[field]) problems.required(`spec.service.${field}`);
  const port = service.port ?? 443;
  const wrong = validPortNumber(port);
  if (wrong.length > 0)
    problems.invalid('spec.service.port', port, `port is not valid: ${wrong.join(', ')}`);
  if (insecure && caBundle)
    problems.invalid(
      'spec.insecureSkipTLSVerify',
      insecure,
      'may not be true if caBundle is present',
    );
}

export const apiService: Rule<APIService> = {
  name: pathSegmentName,
  anyFinalizer: true,
  create: checkApiService,
  updates: ['metadata', 'object'],
  subresources: {
    status(problems, object, old) {
      checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {}, {
        anyFinalizer: true,
      });
      (object.status?.conditions ?? []).forEach(({ status }, i) => {
        if (!['True', 'False', 'Unknown'].includes(status))
          problems.notSupported(`status.conditions[${i}].status`, status ?? '', [
            'True',
            'False',
            'Unknown',
          ]);
      });
    },
  },
};
