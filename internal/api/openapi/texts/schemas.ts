/** What the fields of schemas in definitions are for. The form is described in texts.ts. */
export const schemaTexts = (): string => `
@JSONSchemaProps What a value must be: a schema of OpenAPI 3 with additions of Kubernetes.
$ref Not supported. Must not be given.
$schema Not used. Leave it empty.
additionalItems Not supported. Must not be given.
additionalProperties What values under other keys must be: a schema, or true for anything. Makes the
  object a map; not together with properties, and not at the root.
allOf Schemas that the value must all meet. They only check: types, defaults and descriptions belong
  outside.
anyOf Schemas of which the value must meet at least one. They only check: types, defaults and
  descriptions belong outside.
default Value that is filled in where none is given, when objects are written and read. Must meet
  the schema.
definitions Not supported. Must not be given.
dependencies Not supported. Must not be given.
description What the value is for. Shown by kubectl explain.
enum The values that are allowed.
example A value as an example, for people. It is not checked.
exclusiveMaximum Whether maximum itself is too much. Defaults to false.
exclusiveMinimum Whether minimum itself is too little. Defaults to false.
externalDocs Where more is written about the value.
format Form of a text or number, such as date-time, duration, byte, ipv4, cidr, uuid, email,
  hostname, int32 or int64. A form that is not known is not checked.
id Not supported. Must not be given.
items What each item of a list must be. Required for type array.
maxItems Most items that a list may have.
maxLength Most characters that a text may have.
maxProperties Most keys that an object may have.
maximum The greatest number that is allowed, unless exclusiveMaximum is true.
minItems Least items that a list must have.
minLength Least characters that a text must have.
minProperties Least keys that an object must have.
minimum The least number that is allowed, unless exclusiveMinimum is true.
multipleOf Number that the value must be a multiple of.
not A schema that the value must not meet. It only checks: types, defaults and descriptions belong
  outside.
nullable Whether null is allowed. Otherwise a null counts as not given where it is a field, and the
  default takes its place. Defaults to false.
oneOf Schemas of which the value must meet exactly one. They only check: types, defaults and
  descriptions belong outside.
pattern Regular expression, in the syntax of RE2, that must be found in a text. Write ^ and $ to
  mean the whole text.
patternProperties Not supported. Must not be given.
properties Fields of an object, each with its schema. Other fields are dropped, unless
  x-kubernetes-preserve-unknown-fields is true.
required Fields that an object must have.
title Short name of the value, for people.
type Type of the value: object, array, string, integer, number or boolean. Required, except with
  x-kubernetes-int-or-string or x-kubernetes-preserve-unknown-fields.
uniqueItems Must not be true. Lists with x-kubernetes-list-type set have the same meaning.
x-kubernetes-embedded-resource Whether the value is a whole object of the API, with apiVersion, kind
  and metadata, which are checked. Only for type object.
x-kubernetes-int-or-string Whether the value is a whole number or a text. Leave type empty then.
x-kubernetes-list-map-keys Fields of the items that tell them apart, for x-kubernetes-list-type map.
  Each must be a plain value, and be required or have a default.
x-kubernetes-list-type How a list is merged by apply: atomic (the default): as a whole; set: plain
  items, each once; map: items are told apart by x-kubernetes-list-map-keys.
x-kubernetes-map-type How an object is merged by apply: granular (the default): field by field;
  atomic: as a whole.
x-kubernetes-preserve-unknown-fields Whether fields that the schema does not name are kept. True or
  not given; not given, they are dropped. What fields inside have a schema of their own follow that.
x-kubernetes-validations Rules in CEL that the value must meet.
@JSON A value of any type, as JSON writes it.
@JSONSchemaPropsOrArray A schema. A list of schemas, which older versions had, is not supported.
@JSONSchemaPropsOrBool A schema, or true for any value.
@JSONSchemaPropsOrStringArray A schema or a list of names. Not supported.
@ExternalDocumentation Where more is written.
description What is written there.
url Address of the text.
@WebhookConversion A webhook that converts objects between versions.
clientConfig How it is called. Required.
conversionReviewVersions Versions of ConversionReview that it knows, the best first. The first that
  the server knows is sent: v1 or v1beta1. Required.
@CustomResourceSubresourceStatus Gives objects a subresource status. It has no settings.
@CustomResourceDefinitionCondition One aspect of the state of a definition.
type Established: its objects are served. NamesAccepted: no other definition has its names.
  NonStructuralSchema: the schema has faults. Terminating: the objects are being deleted.
  KubernetesAPIApprovalPolicyConformant: a group under k8s.io or kubernetes.io has been approved.
@CustomResourceDefinitionCondition,APIServiceCondition
lastTransitionTime When the status last changed.
message What happened at the last change, for people.
observedGeneration Generation of the spec that the condition was made from.
reason One word for why the status last changed.
status True, False or Unknown.
@APIServiceCondition One aspect of the state of a group and version.
type What the condition is about. Available: whether requests can be passed on to the server.
`;
