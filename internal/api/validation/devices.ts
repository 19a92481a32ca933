import type {
  DeviceClaim,
  DeviceClass,
  DeviceClassSpec,
  DeviceConstraint,
  DeviceRequest,
  ExactDeviceRequest,
  ResourceClaim,
  ResourceClaimTemplate,
} from '../generated/types/resource-v1.ts';
import { semanticEqual } from '../loose.ts';
import { dns1123Label, dns1123Subdomain } from '../names.ts';
import {
  checkDeviceToleration,
  checkFullyQualified,
  checkMany,
  checkOpaque,
} from './device-parts.ts';
import { checkSelectors } from './device-selectors.ts';
import { checkClaimStatus } from './device-status.ts';
import { checkMetadata, checkMetadataUpdate } from './metadata.ts';
import type { Problems } from './problems.ts';
import { requestNames } from './request-names.ts';
import { isExtendedResource } from './resource-names.ts';
import type { Rule } from './rule.ts';

const maxRequests = 32;
const maxConstraints = 32;
const maxConfigs = 32;
const maxFirstAvailable = 8;

type Request = Pick<
  ExactDeviceRequest,
  'deviceClassName' | 'allocationMode' | 'count' | 'selectors' | 'tolerations'
>;

function checkExact(
  problems: Problems,
  { deviceClassName, allocationMode, count = 0, selectors, tolerations }: Request,
  path: string,
): void {
  if (!deviceClassName) problems.required(`${path}.deviceClassName`);
  else problems.check(`${path}.deviceClassName`, deviceClassName, dns1123Subdomain);
  checkSelectors(problems, selectors, `${path}.selectors`);
  if (allocationMode === 'All') {
    if (count !== 0)
      problems.invalid(
        `${path}.count`,
        count,
        "must not be specified when allocationMode is 'All'",
      );
  } else if (allocationMode === 'ExactCount') {
    if (count <= 0) problems.invalid(`${path}.count`, count, 'must be greater than zero');
  } else
    problems.notSupported(`${path}.allocationMode`, allocationMode ?? '', ['All', 'ExactCount']);
  (tolerations ?? []).forEach((one, i) =>
    checkDeviceToleration(problems, one, `${path}.tolerations[${i}]`),
  );
}

function checkRequest(
  problems: Problems,
  { name = '', exactly, firstAvailable = [] }: DeviceRequest,
  path: string,
): void {
  problems.check(`${path}.name`, name, dns1123Label);
  if (!exactly && firstAvailable.length === 0)
    return problems.required(path, 'exactly one of `exactly` or `firstAvailable` is required');
  if (exactly && firstAvailable.length > 0)
    return problems.invalid(
      path,
      null,
      'exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set',
    );
  if (exactly) return checkExact(problems, exactly, `${path}.exactly`);
  checkMany(problems, firstAvailable, `${path}.firstAvailable`, {
    most: maxFirstAvailable,
    each: (one, at) => {
      problems.check(`${at}.name`, one.name ?? '', dns1123Label);
      checkExact(problems, one, at);
    },
    key: (one) => one.name ?? '',
  });
}

function checkClaim(problems: Problems, claim: DeviceClaim | undefined, path: string): void {
  const { requests, constraints, config } = claim ?? {};
  const known = requestNames(claim);
  const references = (names: readonly string[] | undefined, at: string): void =>
    checkMany(problems, names, at, {
      most: maxRequests,
      each: (name, where) => known.check(problems, name, where),
      key: (name) => name,
    });
  checkMany(problems, requests, `${path}.requests`, {
    most: maxRequests,
    each: (one, at) => checkRequest(problems, one, at),
    key: (one) => one.name ?? '',
  });
  checkMany(problems, constraints, `${path}.constraints`, {
    most: maxConstraints,
    each: (one, at) => {
      references(one.requests, `${at}.requests`);
      checkConstraint(problems, one, at);
    },
  });
  checkMany(problems, config, `${path}.config`, {
    most: maxConfigs,
    each: (one, at) => {
      references(one.requests, `${at}.requests`);
      checkOpaque(problems, one.opaque, `${at}.opaque`);
    },
  });
}

function checkConstraint(
  problems: Problems,
  { matchAttribute, distinctAttribute }: DeviceConstraint,
  path: string,
): void {
  if (matchAttribute !== undefined)
    checkFullyQualified(problems, matchAttribute, `${path}.matchAttribute`);
  else if (distinctAttribute !== undefined)
    checkFullyQualified(problems, distinctAttribute, `${path}.distinctAttribute`);
  else
    problems.required(
      path,
      'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple ' +
        'fields are set',
    );
}

export const resourceClaim: Rule<ResourceClaim> = {
  name: dns1123Subdomain,
  spec: (problems, object) => checkClaim(problems, object.spec?.devices, 'spec.devices'),
  update(problems, object, old) {
    checkMetadata(problems, object.metadata ?? {}, { namespaced: true, name: dns1123Subdomain });
    checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
    problems.immutable('spec', object.spec, old.spec);
  },
  subresources: {
    status(problems, object, old) {
      checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
      checkClaimStatus(problems, object, old);
    },
  },
};

export const resourceClaimTemplate: Rule<ResourceClaimTemplate> = {
  name: dns1123Subdomain,
  spec: (problems, object) => checkClaim(problems, object.spec?.spec?.devices, 'spec.spec.devices'),
  updates: ['metadata', 'change'],
  change: (problems, object, old) => problems.immutable('spec', object.spec, old.spec),
};

function checkClass(
  problems: Problems,
  { selectors, config, extendedResourceName }: DeviceClassSpec,
  old: DeviceClassSpec | undefined,
): void {
  checkSelectors(problems, selectors, 'spec.selectors');
  const stored = old !== undefined && semanticEqual(config, old.config);
  checkMany(problems, config, 'spec.config', {
    most: maxConfigs,
    each: (one, at) => checkOpaque(problems, one.opaque, `${at}.opaque`, stored),
  });
  if (extendedResourceName !== undefined && !isExtendedResource(extendedResourceName))
    problems.invalid(
      'spec.extendedResourceName',
      extendedResourceName,
      'must be a valid extended resource name',
    );
}

export const deviceClass: Rule<DeviceClass> = {
  name: dns1123Subdomain,
  spec: (problems, object) => checkClass(problems, object.spec ?? {}, undefined),
  update(problems, object, old) {
    checkMetadata(problems, object.metadata ?? {}, { namespaced: false, name: dns1123Subdomain });
    checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
    checkClass(problems, object.spec ?? {}, old.spec ?? {});
  },
};
