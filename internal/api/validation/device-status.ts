import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceRequestAllocationResult,
  NetworkDeviceData,
  ResourceClaim,
} from '../generated/types/resource-v1.ts';
import { dns1123Label } from '../names.ts';
import { sharedDevice, type DeviceOfShare } from '../strategy/claim-devices.ts';
import { checkInterfaceAddress } from './addresses.ts';
import { checkNodeSelector } from './affinity.ts';
import { checkConditions } from './conditions.ts';
import {
  checkBindingConditions,
  checkDriver,
  checkMany,
  checkOpaque,
  checkPoolName,
  checkRaw,
} from './device-parts.ts';
import type { Problems } from './problems.ts';
import { requestNames, type RequestNames } from './request-names.ts';

const maxReserved = 256;
const maxResults = 32;
const maxRequests = 32;
/** Those of the class and those of the claim. */
const maxConfigs = 64;
const maxConditions = 8;
const maxData = 10 * 1024;
const maxInterface = 256;
const maxHardware = 128;
const maxIps = 16;

/** What the status of a ResourceClaim may become. */
export function checkClaimStatus(
  problems: Problems,
  object: ResourceClaim,
  old: ResourceClaim,
): void {
  const { allocation, reservedFor = [], devices } = object.status ?? {};
  checkMany(problems, reservedFor, 'status.reservedFor', {
    most: maxReserved,
    each: (user, path) => {
      for (const field of ['resource', 'name', 'uid'] as const)
        if (!user[field]) problems.required(`${path}.${field}`);
    },
    key: (user) => user.uid ?? '',
  });
  const allocated = new Set((allocation?.devices?.results ?? []).map((one) => keyOf(one)));
  checkMany<AllocatedDeviceStatus>(problems, devices, 'status.devices', {
    each: (one, path) => checkDevice(problems, one, path, allocated),
    key: keyOf,
    shown: sharedDevice,
  });
  checkReserved(problems, object, old);
  if (allocation && old.status?.allocation)
    problems.immutable('status.allocation', allocation, old.status.allocation);
  else if (allocation) checkAllocation(problems, allocation, requestNames(object.spec?.devices));
}

const keyOf = (one: DeviceOfShare): string => JSON.stringify(sharedDevice(one));

/** Users come while a claim is allocated and stays; they may leave at any time. */
function checkReserved(
  problems: Problems,
  { metadata, status }: ResourceClaim,
  old: ResourceClaim,
): void {
  const users = status?.reservedFor ?? [];
  if (users.length === 0) return;
  if (!status?.allocation)
    return problems.forbidden(
      'status.reservedFor',
      'may not be specified when `allocated` is not set',
    );
  const before = new Set(
    (old.status?.reservedFor ?? []).map((user) =>
      JSON.stringify([user.apiGroup ?? '', user.resource, user.name, user.uid]),
    ),
  );
  const added = users.some(
    (user) =>
      !before.has(JSON.stringify([user.apiGroup ?? '', user.resource, user.name, user.uid])),
  );
  if (metadata.deletionTimestamp && added)
    problems.forbidden(
      'status.reservedFor',
      'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set',
    );
}

function checkAllocation(
  problems: Problems,
  { devices, nodeSelector }: AllocationResult,
  names: RequestNames,
): void {
  const path = 'status.allocation';
  checkMany(problems, devices?.results, `${path}.devices.results`, {
    most: maxResults,
    each: (one, at) => checkResult(problems, one, at, names),
  });
  checkMany(problems, devices?.config, `${path}.devices.config`, {
    most: maxConfigs,
    each: (one, at) => checkConfig(problems, one, at, names),
  });
  if (nodeSelector) checkNodeSelector(problems, nodeSelector, `${path}.nodeSelector`);
}

function checkResult(
  problems: Problems,
  result: DeviceRequestAllocationResult,
  path: string,
  names: RequestNames,
): void {
  names.check(problems, result.request ?? '', `${path}.request`);
  checkDriver(problems, result.driver, `${path}.driver`);
  checkPoolName(problems, result.pool, `${path}.pool`);
  problems.check(`${path}.device`, result.device ?? '', dns1123Label);
  checkBindingConditions(problems, result, path);
  if (result.shareID !== undefined) checkUid(problems, result.shareID, `${path}.shareID`);
}

function checkConfig(
  problems: Problems,
  { source, requests, opaque }: DeviceAllocationConfiguration,
  path: string,
  names: RequestNames,
): void {
  problems.oneOf(`${path}.source`, source, ['FromClaim', 'FromClass']);
  checkMany(problems, requests, `${path}.requests`, {
    most: maxRequests,
    each: (name, at) => names.check(problems, name, at),
    key: (name) => name,
  });
  checkOpaque(problems, opaque, `${path}.opaque`);
}

function checkDevice(
  problems: Problems,
  device: AllocatedDeviceStatus,
  path: string,
  allocated: ReadonlySet<string>,
): void {
  checkDriver(problems, device.driver, `${path}.driver`);
  checkPoolName(problems, device.pool, `${path}.pool`);
  problems.check(`${path}.device`, device.device ?? '', dns1123Label);
  if (device.shareID !== undefined) checkUid(problems, device.shareID, `${path}.shareID`);
  if (!allocated.has(keyOf(device)))
    problems.invalid(path, sharedDevice(device), 'must be an allocated device in the claim');
  const conditions = device.conditions ?? [];
  if (conditions.length > maxConditions)
    problems.tooMany(`${path}.conditions`, conditions.length, maxConditions);
  checkConditions(problems, conditions, `${path}.conditions`);
  if (device.data !== undefined) checkRaw(problems, device.data, `${path}.data`, maxData);
  if (device.networkData) checkNetwork(problems, device.networkData, `${path}.networkData`);
}

function checkNetwork(
  problems: Problems,
  { interfaceName = '', hardwareAddress = '', ips }: NetworkDeviceData,
  path: string,
): void {
  if (interfaceName.length > maxInterface) problems.tooLong(`${path}.interfaceName`, maxInterface);
  if (hardwareAddress.length > maxHardware)
    problems.tooLong(`${path}.hardwareAddress`, maxHardware);
  checkMany(problems, ips, `${path}.ips`, {
    most: maxIps,
    each: (address, at) => checkInterfaceAddress(problems, at, address),
    key: (address) => address,
  });
}

const hex = /^[0-9a-fA-F]+$/;

/** RFC 4122 in its usual form; the messages are those of the library upstream uses. */
function checkUid(problems: Problems, uid: string, path: string): void {
  const fault = uidFault(uid);
  if (fault) problems.invalid(path, uid, `error validating uid: ${fault}`);
  else if (uid.length !== 36 || uid !== uid.toLowerCase())
    problems.invalid(
      path,
      uid,
      'uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with ' +
        'lowercase hexadecimal characters',
    );
}

function uidFault(uid: string): string | undefined {
  if (uid.length === 32) return hex.test(uid) ? undefined : 'invalid UUID format';
  if (uid.length === 45 && uid.slice(0, 9).toLowerCase() !== 'urn:uuid:')
    return `invalid urn prefix: ${JSON.stringify(uid.slice(0, 9))}`;
  if (uid.length === 38 && !(uid.startsWith('{') && uid.endsWith('}')))
    return 'invalid bracketed UUID format';
  const bare = { 36: uid, 38: uid.slice(1, -1), 45: uid.slice(9) }[uid.length];
  if (bare === undefined) return `invalid UUID length: ${uid.length}`;
  return /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/.test(bare)
    ? undefined
    : 'invalid UUID format';
}
