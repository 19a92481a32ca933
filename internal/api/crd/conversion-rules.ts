import type {
  CustomResourceDefinition,
  WebhookClientConfig,
} from '../generated/types/apiextensions-v1.ts';
import { dns1035Label, validPortNumber } from '../names.ts';
import type { Errors } from './errors.ts';

const known = ['v1', 'v1beta1'];
const limit = 'spec.conversion';

/**
 * How objects get from one version to another. Paths are those of the internal type, as upstream
 * shows them.
 */
export function validateConversion(definition: CustomResourceDefinition, errors: Errors): void {
  const conversion = definition.spec.conversion;
  if (!conversion) return;
  const config = conversion.webhook?.clientConfig;
  const versions = conversion.webhook?.conversionReviewVersions ?? [];
  if (conversion.strategy !== 'None' && conversion.strategy !== 'Webhook') {
    if (!conversion.strategy) errors.add('FieldValueRequired', `${limit}.strategy`);
    else
      errors.add(
        'FieldValueNotSupported',
        `${limit}.strategy`,
        conversion.strategy,
        'supported values: "None", "Webhook"',
      );
  }
  if (conversion.strategy !== 'Webhook') {
    if (config)
      errors.add(
        'FieldValueForbidden',
        `${limit}.webhookClientConfig`,
        undefined,
        'should not be set when strategy is not set to Webhook',
      );
    if (versions.length)
      errors.add(
        'FieldValueForbidden',
        `${limit}.conversionReviewVersions`,
        undefined,
        'should not be set when strategy is not set to Webhook',
      );
    return;
  }
  if (!config)
    errors.add(
      'FieldValueRequired',
      `${limit}.webhookClientConfig`,
      '',
      'required when strategy is set to Webhook',
    );
  else clientConfig(config, errors);
  reviewVersions(versions, errors);
}

function clientConfig(config: WebhookClientConfig, errors: Errors): void {
  const path = `${limit}.webhookClientConfig`;
  const { url, service } = config;
  if ((url === undefined) === (service === undefined))
    return errors.add('FieldValueRequired', path, '', 'exactly one of url or service is required');
  if (url !== undefined) {
    const form = 'desired format: https://host[/path]';
    if (!url.startsWith('https://'))
      errors.invalid(
        `${path}.url`,
        /^([a-z]+):/i.exec(url)?.[1] ?? url,
        `'https' is the only allowed URL scheme; ${form}`,
      );
    else if (!/^https:\/\/[^/?#@]+/.test(url))
      errors.invalid(`${path}.url`, '', `host must be specified; ${form}`);
    else if (/[?#]/.test(url))
      errors.invalid(
        `${path}.url`,
        url,
        `query parameters and fragments are not permitted in the URL`,
      );
    return;
  }
  if (!service) return;
  // Upstream asks for the namespace under the name of the name.
  if (!service.name) errors.add('FieldValueRequired', `${path}.service.name`);
  if (!service.namespace) errors.add('FieldValueRequired', `${path}.service.name`);
  const port = service.port ?? 443;
  for (const why of validPortNumber(port))
    errors.invalid(`${path}.service.port`, port, `port is not valid: ${why}`);
  if (service.path !== undefined) servicePath(service.path, `${path}.service.path`, errors);
}

function servicePath(value: string, path: string, errors: Errors): void {
  if (value === '/' || value === '') return;
  if (value === '//') return errors.invalid(path, value, 'segment[0] may not be empty');
  if (!value.startsWith('/')) errors.invalid(path, value, "must start with a '/'");
  const segments = value.slice(1).split('/');
  if (segments.at(-1) === '' && segments.length > 1) segments.pop();
  segments.forEach((segment, i) => {
    if (!segment) errors.invalid(path, value, `segment[${i}] may not be empty`);
  });
}

function reviewVersions(versions: readonly string[], errors: Errors): void {
  const path = `${limit}.conversionReviewVersions`;
  if (!versions.length) return errors.add('FieldValueRequired', path);
  const seen = new Set<string>();
  versions.forEach((version, i) => {
    if (seen.has(version)) errors.invalid(`${path}[${i}]`, version, 'duplicate version');
    else for (const why of dns1035Label(version)) errors.invalid(`${path}[${i}]`, version, why);
    seen.add(version);
  });
  if (!versions.some((version) => known.includes(version)))
    errors.invalid(path, versions, `must include at least one of ${known.join(', ')}`);
}
