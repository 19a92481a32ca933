import type { DeviceClass, DeviceClaim, ExactDeviceRequest, ResourceClaim, ResourceClaimTemplate, ResourceSlice } from '../generated/types/resource-v1.ts';
import { dns1123Label, dns1123Subdomain } from '../names.ts';
import { repeats } from './repeats.ts';
import { checkMetadata, checkMetadataUpdate } from './metadata.ts';
import type { Problems } from './problems.ts';
import type { Rule } from './rule.ts';

const maxRequests = 32;
const maxFirstAvailable = 8;

type Request = Pick<ExactDeviceRequest, 'deviceClassName' | 'allocationMode' | 'count' | 'selectors'>;

function checkExact(problems: Problems, { deviceClassName, allocationMode, count = 0, selectors }: Request, path: string): void {
  if (!deviceClassName) problems.required(`${path}.deviceClassName`);
  else problems.check(`${path}.deviceClassName`, deviceClassName, dns1123Subdomain);
  (selectors ?? []).forEach((selector, i) => !selector.cel && problems.required(`${path}.selectors[${i}].cel`));
  if (allocationMode === 'All') {
    if (count !== 0) problems.invalid(`${path}.count`, count, "must not be specified when allocationMode is 'All'");
  } else if (allocationMode === 'ExactCount') {
    if (count <= 0) problems.invalid(`${path}.count`, count, 'must be greater than zero');
  } else problems.notSupported(`${path}.allocationMode`, allocationMode ?? '', ['All', 'ExactCount']);
}

function checkName(problems: Problems, name: string, again: boolean, path: string): void {
  if (!name) problems.required(`${path}.name`);
  else problems.check(`${path}.name`, name, dns1123Label);
  if (again) problems.duplicate(path, name);
}

/** The main rules of what is asked for; what devices can be told by expressions the allocator judges. */
function checkClaim(problems: Problems, claim: DeviceClaim | undefined, path: string): void {
  const requests = claim?.requests ?? [];
  if (requests.length > maxRequests) problems.tooMany(`${path}.requests`, requests.length, maxRequests);
  const again = repeats(requests.map((r) => r.name));
  requests.forEach(({ name, exactly, firstAvailable = [] }, i) => {
    const at = `${path}.requests[${i}]`;
    checkName(problems, name, again[i] ?? false, at);
    if (!exactly && firstAvailable.length === 0) problems.required(at, 'exactly one of `exactly` or `firstAvailable` is required');
    else if (exactly && firstAvailable.length > 0) problems.invalid(at, null, 'exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set');
    else if (exactly) checkExact(problems, exactly, `${at}.exactly`);
    else {
      if (firstAvailable.length > maxFirstAvailable) problems.tooMany(`${at}.firstAvailable`, firstAvailable.length, maxFirstAvailable);
      const twice = repeats(firstAvailable.map((r) => r.name));
      firstAvailable.forEach((request, j) => {
        checkName(problems, request.name, twice[j] ?? false, `${at}.firstAvailable[${j}]`);
        checkExact(problems, request, `${at}.firstAvailable[${j}]`);
      });
    }
  });
}

export const resourceClaim: Rule<ResourceClaim> = {
  name: dns1123Subdomain,
  spec: (problems, object) => checkClaim(problems, object.spec?.devices, 'spec.devices'),
  update(problems, object, old) {
    checkMetadata(problems, object.metadata ?? {}, { namespaced: true, name: dns1123Subdomain });
    checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
    problems.immutable('spec', object.spec, old.spec);
  },
};

export const resourceClaimTemplate: Rule<ResourceClaimTemplate> = {
  name: dns1123Subdomain,
  spec: (problems, object) => checkClaim(problems, object.spec?.spec?.devices, 'spec.spec.devices'),
  updates: ['object', 'metadata', 'change'],
  change: (problems, object, old) => problems.immutable('spec', object.spec, old.spec),
};

export const deviceClass: Rule<DeviceClass> = { name: dns1123Subdomain, updates: ['object', 'metadata'] };

export const resourceSlice: Rule<ResourceSlice> = {
  name: dns1123Subdomain,
  spec(problems, { spec }) {
    if (!spec?.driver) problems.required('spec.driver');
    else problems.check('spec.driver', spec.driver, dns1123Subdomain);
    if (!spec?.pool?.name) problems.required('spec.pool.name');
    if ((spec?.pool?.resourceSliceCount ?? 0) <= 0) problems.invalid('spec.pool.resourceSliceCount', spec?.pool?.resourceSliceCount ?? 0, 'must be greater than zero');
  },
  updates: ['object', 'metadata', 'change'],
  change(problems, object, old) {
    problems.immutable('spec.driver', object.spec?.driver ?? '', old.spec?.driver ?? '');
    problems.immutable('spec.pool.name', object.spec?.pool?.name ?? '', old.spec?.pool?.name ?? '');
  },
};
