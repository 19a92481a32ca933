import { table } from '../../base/own.ts';
import { writtenText } from './texts/texts.ts';

/**
 * The facts hold no descriptions: texts/ has those that people read, the others are made from the
 * names.
 */

const conventions =
  'https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md';

export const apiVersionDescription =
  'APIVersion defines the versioned schema of this representation of an object. More info: ' +
  `${conventions}#resources`;
export const kindDescription =
  'Kind is a string value representing the REST resource this object represents. Cannot be ' +
  `updated. In CamelCase. More info: ${conventions}#types-kinds`;
export const metadataDescription = `Standard object's metadata. More info: ${conventions}#metadata`;
export const listMetadataDescription =
  'Standard list metadata. More info: ' + `${conventions}#types-kinds`;
export const embeddedApiVersion =
  'apiVersion defines the versioned schema of this representation of an object. More info: ' +
  `${conventions}#resources`;
export const embeddedKind =
  'kind is a string value representing the type of this object. In CamelCase. More info: ' +
  `${conventions}#types-kinds`;
export const listOf = (plural: string): string => `List of ${plural}. More info: ${conventions}`;

/** `minReadySeconds` -> `min ready seconds` */
function words(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .replace(/\b([A-Z])(?=[a-z])/g, (letter) => letter.toLowerCase());
}

/** `io.k8s.api.apps.v1.Scale` -> `apps`, `Scale` */
function nameOf(type: string): { group: string; short: string } {
  const [short = '', , group = ''] = type.split('.').reverse();
  return { group, short };
}

/** `type` is a full name: io.k8s.api.apps.v1.Deployment. */
export function describeField(type: string, name: string): string {
  const { group, short } = nameOf(type);
  const written = writtenText(group, `${short}.${name}`);
  if (written !== undefined) return written;
  if (name === 'metadata')
    return short.endsWith('List') ? listMetadataDescription : metadataDescription;
  if (name === 'items' && short.endsWith('List')) return `The ${short.slice(0, -4)} objects.`;
  return `The ${words(name)} of this ${short}.`;
}

export function describeType(type: string): string {
  const { group, short } = nameOf(type);
  if (short.endsWith('List')) return `${short} is a list of ${short.slice(0, -4)} objects.`;
  return writtenText(group, short) ?? `${short} is a type of the API group ${group}.`;
}

export const parameterDescriptions: Record<string, string> = table({
  allowWatchBookmarks: 'allowWatchBookmarks requests watch events with type "BOOKMARK".',
  continue: 'The continue option should be set when retrieving more results from the server.',
  dryRun:
    'When present, indicates that modifications should not be persisted. Valid values are: - ' +
    'All: all dry run stages will be processed',
  fieldManager:
    'fieldManager is a name associated with the actor or entity that is making these changes.',
  fieldSelector:
    'A selector to restrict the list of returned objects by their fields. Defaults to everything.',
  fieldValidation:
    'fieldValidation instructs the server on how to handle objects containing unknown or ' +
    'duplicate fields: Ignore, Warn (the default) or Strict.',
  force:
    'Force is going to "force" Apply requests: conflicting fields of other managers are ' +
    'taken over.',
  gracePeriodSeconds:
    'The duration in seconds before the object should be deleted. Zero means delete immediately.',
  ignoreStoreReadErrorWithClusterBreakingPotential:
    'If true, an object that cannot be read from the store is deleted unsafely.',
  labelSelector:
    'A selector to restrict the list of returned objects by their labels. Defaults to everything.',
  limit: 'limit is a maximum number of responses to return for a list call.',
  name: 'name of the object',
  namespace: 'object name and auth scope, such as for teams and projects',
  orphanDependents: 'Deprecated: use propagationPolicy. Should the dependent objects be orphaned.',
  path: 'path to the resource',
  pretty: "If 'true', then the output is pretty printed.",
  propagationPolicy:
    'Whether and how garbage collection will be performed: Orphan, Background or Foreground.',
  resourceVersion:
    'resourceVersion sets a constraint on what resource versions a request may be served from.',
  resourceVersionMatch:
    'resourceVersionMatch determines how resourceVersion is applied to list calls.',
  shardSelector:
    'A CEL expression of shardRange() that restricts the list to a shard. Takes effect only ' +
    'with the feature gate ShardedListAndWatch.',
  sendInitialEvents:
    'If true, a watch begins with events that make up the current state, ended by a bookmark.',
  timeoutSeconds: 'Timeout for the list/watch call.',
  watch:
    'Watch for changes to the described resources and return them as a stream of add, ' +
    'update, and remove notifications.',
});
