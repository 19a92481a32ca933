import type { EnvFromSource, EnvVar, EnvVarSource } from '../generated/types/core-v1.ts';
import {
  dns1123Label,
  dns1123Subdomain,
  validConfigMapKey,
  validRelaxedEnvVarName,
  checkPrefix,
} from '../names.ts';
import { checkFieldRef, checkResourceRef, envFieldPaths } from './downward.ts';
import { checkNoBacksteps } from './pod-paths.ts';
import type { Problems } from './problems.ts';

export function checkEnv(problems: Problems, variables: readonly EnvVar[], path: string): void {
  variables.forEach((variable, i) => {
    const at = `${path}[${i}]`;
    if (!variable.name) problems.required(`${at}.name`);
    else problems.check(`${at}.name`, variable.name, validRelaxedEnvVarName);
    if (variable.valueFrom)
      checkSource(problems, variable.valueFrom, variable.value ?? '', `${at}.valueFrom`);
  });
}

function checkSource(problems: Problems, source: EnvVarSource, value: string, path: string): void {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = source;
  if (fieldRef) checkFieldRef(problems, fieldRef, envFieldPaths, `${path}.fieldRef`);
  if (resourceFieldRef)
    checkResourceRef(problems, resourceFieldRef, `${path}.resourceFieldRef`, false);
  if (configMapKeyRef) checkKeyRef(problems, configMapKeyRef, `${path}.configMapKeyRef`);
  if (secretKeyRef) checkKeyRef(problems, secretKeyRef, `${path}.secretKeyRef`);
  if (fileKeyRef) checkFileRef(problems, fileKeyRef, `${path}.fileKeyRef`);
  const count = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef].filter(
    Boolean,
  ).length;
  if (count === 0)
    problems.invalid(
      path,
      '',
      'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, ' +
        '`secretKeyRef` or `fileKeyRef`',
    );
  else if (value) problems.invalid(path, '', 'may not be specified when `value` is not empty');
  else if (count > 1)
    problems.invalid(path, '', 'may not have more than one field specified at a time');
}

function checkKeyRef(problems: Problems, ref: { name?: string; key: string }, path: string): void {
  problems.check(`${path}.name`, ref.name ?? '', dns1123Subdomain);
  if (!ref.key) problems.required(`${path}.key`);
  else problems.check(`${path}.key`, ref.key, validConfigMapKey);
}

function checkFileRef(
  problems: Problems,
  ref: NonNullable<EnvVarSource['fileKeyRef']>,
  path: string,
): void {
  if (!ref.key) problems.required(`${path}.key`);
  else problems.check(`${path}.key`, ref.key, validRelaxedEnvVarName);
  if (!ref.volumeName) problems.required(`${path}.volumeName`);
  else problems.check(`${path}.volumeName`, ref.volumeName, dns1123Label);
  if (!ref.path) problems.required(`${path}.path`);
  else checkNoBacksteps(problems, ref.path, `${path}.path`);
}

export function checkEnvFrom(
  problems: Problems,
  sources: readonly EnvFromSource[],
  path: string,
): void {
  sources.forEach(({ prefix, configMapRef, secretRef }, i) => {
    const at = `${path}[${i}]`;
    if (prefix) problems.check(`${at}.prefix`, prefix, validRelaxedEnvVarName);
    for (const [name, ref] of [
      ['configMapRef', configMapRef],
      ['secretRef', secretRef],
    ] as const) {
      if (!ref) continue;
      if (!ref.name) problems.required(`${at}.${name}.name`);
      else
        for (const m of checkPrefix(dns1123Subdomain, ref.name))
          problems.invalid(`${at}.${name}.name`, ref.name, m);
    }
    if (!configMapRef && !secretRef)
      problems.invalid(path, '', 'must specify one of: `configMapRef` or `secretRef`');
    else if (configMapRef && secretRef)
      problems.invalid(path, '', 'may not have more than one field specified at a time');
  });
}
