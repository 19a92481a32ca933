import { Buffer } from 'node:buffer';
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  ParamKind,
  ParamRef,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Validation,
} from '../generated/types/admissionregistration-v1.ts';
import { dns1035Label, dns1123Subdomain, pathSegmentName, qualifiedName } from '../names.ts';
import { checkMatchResources, failurePolicies } from './admission-rules.ts';
import { checkLabelSelector } from './metadata.ts';
import type { Problems } from './problems.ts';
import type { Rule } from './rule.ts';
import { repeats } from './repeats.ts';

const maxAnnotations = 20;
const maxValueExpression = 5 * 1024;
const identifier = /^[_a-zA-Z][_a-zA-Z0-9]*$/;
const reserved = new Set(
  (
    'true false null in as break const continue else for function if import let loop package ' +
    'namespace return var void while'
  ).split(' '),
);
const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];
const actions = ['Audit', 'Deny', 'Warn'];

function checkParamKind(
  problems: Problems,
  { apiVersion = '', kind = '' }: ParamKind,
  path: string,
): void {
  const parts = apiVersion.split('/');
  const [group, version] = parts.length === 2 ? [parts[0] ?? '', parts[1] ?? ''] : ['', apiVersion];
  if (!apiVersion) problems.required(`${path}.apiVersion`);
  else if (parts.length > 2)
    problems.invalid(
      `${path}.apiVersion`,
      apiVersion,
      `unexpected GroupVersion string: ${apiVersion}`,
    );
  else {
    const [wrongGroup, wrongVersion] = [
      group ? dns1123Subdomain(group) : [],
      dns1035Label(version),
    ];
    if (wrongGroup.length > 0) problems.invalid(`${path}.apiVersion`, group, wrongGroup.join(','));
    if (!version) problems.invalid(`${path}.apiVersion`, apiVersion, 'version must be specified');
    else if (wrongVersion.length > 0)
      problems.invalid(`${path}.apiVersion`, version, wrongVersion.join(','));
  }
  const wrong = dns1035Label(kind.toLowerCase());
  if (!kind) problems.required(`${path}.kind`);
  else if (wrong.length > 0)
    problems.invalid(
      `${path}.kind`,
      kind,
      `may have mixed case, but should otherwise match: ${wrong.join(',')}`,
    );
}

type Spec = Partial<ValidatingAdmissionPolicy['spec']> | Partial<MutatingAdmissionPolicy['spec']>;

/** What policies of both sorts share. Expressions are judged where they are compiled. */
function checkPolicy(problems: Problems, spec: Spec): void {
  if (spec.failurePolicy === undefined) problems.required('spec.failurePolicy');
  else if (!failurePolicies.includes(spec.failurePolicy))
    problems.notSupported('spec.failurePolicy', spec.failurePolicy, failurePolicies);
  if (spec.paramKind) checkParamKind(problems, spec.paramKind, 'spec.paramKind');
  if (!spec.matchConstraints) problems.required('spec.matchConstraints');
  else {
    checkMatchResources(problems, spec.matchConstraints, 'spec.matchConstraints');
    if (!spec.matchConstraints.resourceRules?.length)
      problems.required('spec.matchConstraints.resourceRules');
  }
  (spec.variables ?? []).forEach(({ name, expression }, i) => {
    if (!name?.trim()) problems.required(`spec.variables[${i}].name`, 'name is not specified');
    else if (!identifier.test(name) || reserved.has(name))
      problems.invalid(`spec.variables[${i}].name`, name, 'must be a valid CEL identifier');
    if (!expression?.trim())
      problems.required(`spec.variables[${i}].expression`, 'expression is not specified');
  });
}

function checkValidation(
  problems: Problems,
  { expression = '', message = '', messageExpression = '', reason }: Validation,
  path: string,
): void {
  if (!expression.trim()) problems.required(`${path}.expression`, 'expression is not specified');
  if (messageExpression && !messageExpression.trim())
    problems.invalid(
      `${path}.messageExpression`,
      messageExpression,
      'must be non-empty if specified',
    );
  if (message && !message.trim())
    problems.invalid(`${path}.message`, message, 'must be non-empty if specified');
  else if (/[\n\r]/.test(message.trim()))
    problems.invalid(`${path}.message`, message, 'must not contain line breaks');
  if (reason !== undefined && !reasons.includes(reason))
    problems.notSupported(`${path}.reason`, reason, reasons);
}

export const validatingPolicy: Rule<ValidatingAdmissionPolicy> = {
  name: dns1123Subdomain,
  anyFinalizer: true,
  updates: ['object'],
  spec(problems, object) {
    const spec: Partial<ValidatingAdmissionPolicy['spec']> = object.spec ?? {};
    checkPolicy(problems, spec);
    const annotations = spec.auditAnnotations ?? [];
    if (!spec.validations?.length && annotations.length === 0) {
      for (const field of ['validations', 'auditAnnotations'])
        problems.required(
          `spec.${field}`,
          'validations or auditAnnotations must contain at least one item',
        );
      return;
    }
    (spec.validations ?? []).forEach((validation, i) =>
      checkValidation(problems, validation, `spec.validations[${i}]`),
    );
    if (annotations.length > maxAnnotations)
      problems.invalid(
        'spec.auditAnnotations',
        annotations,
        `must not have more than ${maxAnnotations} auditAnnotations`,
      );
    const again = repeats(annotations.map((a) => a.key));
    annotations.forEach(({ key, valueExpression }, i) => {
      const at = `spec.auditAnnotations[${i}]`;
      const full = `${object.metadata.name ?? ''}/${key}`;
      for (const m of qualifiedName(full)) problems.invalid(`${at}.key`, full, m);
      if (!valueExpression?.trim())
        problems.required(`${at}.valueExpression`, 'valueExpression is not specified');
      else if (Buffer.byteLength(valueExpression.trim()) > maxValueExpression)
        problems.required(
          `${at}.valueExpression`,
          `must not exceed ${maxValueExpression} bytes in length`,
        );
      if (again[i]) problems.duplicate(`${at}.key`, key);
    });
  },
};

export const mutatingPolicy: Rule<MutatingAdmissionPolicy> = {
  name: dns1123Subdomain,
  anyFinalizer: true,
  updates: ['object'],
  spec(problems, object) {
    const spec: Partial<MutatingAdmissionPolicy['spec']> = object.spec ?? {};
    checkPolicy(problems, spec);
    if (!spec.mutations?.length)
      problems.required('spec.mutations', 'mutations must contain at least one item');
    problems.oneOf('spec.reinvocationPolicy', spec.reinvocationPolicy, ['IfNeeded', 'Never']);
  },
};

function checkParamRef(problems: Problems, ref: ParamRef, path: string): void {
  const { name, selector, parameterNotFoundAction: action } = ref;
  const apart = 'name and selector are mutually exclusive';
  if (name) {
    problems.check(`${path}.name`, name, pathSegmentName);
    if (selector) problems.forbidden(`${path}.name`, apart);
  }
  checkLabelSelector(problems, selector, `${path}.selector`);
  if (selector && name) problems.forbidden(`${path}.selector`, apart);
  if (!name && !selector) problems.required(path, 'one of name or selector must be specified');
  problems.oneOf(`${path}.parameterNotFoundAction`, action, ['Deny', 'Allow']);
}

function checkBinding(
  problems: Problems,
  spec:
    | Partial<ValidatingAdmissionPolicyBinding['spec']>
    | Partial<MutatingAdmissionPolicyBinding['spec']>,
): void {
  if (!spec.policyName) problems.required('spec.policyName');
  else problems.check('spec.policyName', spec.policyName, dns1123Subdomain);
  if (spec.paramRef) checkParamRef(problems, spec.paramRef, 'spec.paramRef');
  if (spec.matchResources)
    checkMatchResources(problems, spec.matchResources, 'spec.matchResources');
}

export const validatingBinding: Rule<ValidatingAdmissionPolicyBinding> = {
  name: dns1123Subdomain,
  anyFinalizer: true,
  updates: ['object'],
  spec(problems, object) {
    checkBinding(problems, object.spec ?? {});
    const given = object.spec?.validationActions ?? [];
    const again = repeats(given);
    given.forEach((action, i) => {
      if (!actions.includes(action))
        problems.notSupported(`spec.validationActions[${i}]`, action, actions);
      if (again[i]) problems.duplicate(`spec.validationActions[${i}]`, action);
    });
    if (given.includes('Deny') && given.includes('Warn'))
      problems.invalid(
        'spec.validationActions',
        given,
        'must not contain both Deny and Warn (repeating the same validation failure ' +
          'information in the API response and headers serves no purpose)',
      );
    if (given.length === 0)
      problems.required('spec.validationActions', 'at least one validation action is required');
  },
};

export const mutatingBinding: Rule<MutatingAdmissionPolicyBinding> = {
  name: dns1123Subdomain,
  anyFinalizer: true,
  updates: ['object'],
  spec: (problems, object) => checkBinding(problems, object.spec ?? {}),
};
