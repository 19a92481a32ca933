/**
 * What the fields of admission policies and of flow control are for. The form is described in
 * texts.ts.
 */
export const policyTexts = (): string => `
@ValidatingAdmissionPolicy Rules in CEL that requests must meet. It takes effect through bindings.
spec The rules, and the requests that they are for.
status What the server found when it checked the expressions.
@ValidatingAdmissionPolicySpec Rules for requests. At least one validation or audit annotation is
  needed.
auditAnnotations Values to be noted in the audit event of a request; at most 20.
matchConstraints Requests that the policy is for. Required, with at least one of resourceRules.
validations What must be true of a request. Each is looked at, and one that is false is enough to
  act.
@MutatingAdmissionPolicy Changes of objects, told in CEL and made before they are stored. It takes
  effect through bindings.
spec The changes, and the requests that they are for.
@MutatingAdmissionPolicySpec Changes of objects, and the requests that they are for.
matchConstraints Requests that the policy is for. Required, with at least one of resourceRules.
  Deletions are never changed.
mutations The changes, made in this order; each sees what those before it did. At least one.
reinvocationPolicy Whether the policy runs again when another one has changed the object after it:
  Never or IfNeeded. Required. With IfNeeded a second run must not do harm.
@ValidatingAdmissionPolicySpec,MutatingAdmissionPolicySpec
failurePolicy What happens when an expression fails, or the parameters cannot be found: Fail (the
  default) refuses the request, Ignore lets it pass.
matchConditions Expressions that must all be true for the policy to be looked at; at most 64. One
  that is false takes the request out of the policy.
paramKind Kind of the objects that hold parameters. Not given: the policy takes none, and params
  cannot be used in expressions.
variables Values that other expressions can use as variables.NAME. Each may use those before it.
@ValidatingAdmissionPolicyStatus What was found in a policy.
conditions State of the policy.
observedGeneration Generation of the spec that this status was made from.
typeChecking Result of checking the expressions against the schemas of the resources. Not given
  while it is still to be done.
@TypeChecking What checking the types in expressions has shown.
expressionWarnings Expressions that do not fit a schema. They do not keep the policy from being
  used.
@ExpressionWarning An expression that does not fit a schema.
fieldRef Path of the expression in the policy, such as spec.validations[0].expression.
warning What is wrong, for each schema that was tried, for people.
@Validation Something that must be true of a request.
expression Expression in CEL that must be true. It can use object, oldObject (null on creation),
  request, params, namespaceObject, authorizer and variables.
message What the client is told when the expression is false. One line. Not given: the expression
  itself.
messageExpression Expression that makes the message; must give text of one line. Where it fails or
  gives none, message is used.
reason Reason of the refusal, and with it the status code: Invalid (the default, 422), Forbidden
  (403) or RequestEntityTooLarge (413).
@AuditAnnotation A value to be noted in the audit event of a request.
key Name of the value, different from all others of the policy. The audit event shows it behind the
  policy's name and a slash.
valueExpression Expression that gives the value as text; null means that nothing is noted. Long
  values are cut at 10 KiB.
@Variable A value that other expressions can use.
expression Expression in CEL that gives the value. It is run once for a request, and only when it is
  used.
name Name of the variable, an identifier of CEL; used as variables.NAME.
@Mutation A change of the object of a request.
applyConfiguration The change as the fields to apply. Only for patchType ApplyConfiguration.
jsonPatch The change as operations of a JSON patch. Only for patchType JSONPatch.
patchType Form of the change: ApplyConfiguration or JSONPatch.
@ApplyConfiguration A change as the fields to apply, merged as server-side apply merges them.
expression Expression that gives an object with only the fields to set, such as Object{spec:
  Object.spec{replicas: 1}}.
@JSONPatch A change as operations of a JSON patch.
expression Expression that gives a list of JSONPatch{op, path, from, value}. The operations are
  carried out in order; a path that is not there makes the change fail.
@MatchResources Requests that a policy or binding is for.
excludeResourceRules Requests that are left out, even when resourceRules match.
matchPolicy Exact, or Equivalent (the default): requests through other groups or versions of the
  same resource count as well, and are converted.
namespaceSelector Labels of the namespaces whose objects are meant. Objects outside namespaces
  always match. Empty (the default): all.
objectSelector Labels of the objects; that the old or the new one has them is enough. Empty (the
  default): all. Users who may set labels can get round it.
resourceRules Requests that are meant; one match is enough. In a binding it may be left out: then
  all that the policy is for.
@ParamKind Kind of the objects that hold parameters of a policy.
apiVersion Group and version of the kind, such as v1 or example.com/v1. Required.
kind The kind, such as ConfigMap. Required.
@ParamRef Objects that hold parameters. Either name or selector is given.
name Name of one object.
namespace Namespace of the objects. Not given: that of the request. Not for kinds of the whole
  cluster.
parameterNotFoundAction What happens when there is no such object: Allow lets the request pass, Deny
  leaves it to the failurePolicy. Required.
selector Labels of the objects. The policy is run once for each that matches. Empty matches all.
@ValidatingAdmissionPolicyBinding,MutatingAdmissionPolicyBinding Puts a policy into force, with
  parameters and for some requests.
spec The policy, its parameters, and where it counts.
@ValidatingAdmissionPolicyBindingSpec,MutatingAdmissionPolicyBindingSpec Where and how a policy
  counts.
matchResources Requests that the binding is for, out of those of the policy. Not given: all of them.
paramRef Objects with the parameters. Only for policies that have a paramKind.
policyName Name of the policy. As long as there is none of that name the binding does nothing.
validationActions What follows when a validation is false: Deny refuses, Warn warns the client,
  Audit notes it in the audit event. At least one; Deny and Warn not together.
@FlowSchema Sorts requests: says which of them go to a priority level, and which form one flow
  there.
spec The requests and their level.
status Whether the level is there.
@FlowSchemaSpec Requests and the level that they go to.
distinguisherMethod How requests are told apart into flows, each with queues of its own. Not given:
  they form one flow.
matchingPrecedence Which schema comes first: the least, from 1 to 10000, and of equals the first by
  name. Defaults to 1000. 1 is kept for the schema exempt.
priorityLevelConfiguration The level that the requests go to.
rules Requests that are meant; one match is enough. Without any nothing matches.
@FlowSchemaStatus State of a FlowSchema.
conditions State of the schema. Dangling is True while its level is not there.
@FlowDistinguisherMethod How requests are told apart.
type ByUser or ByNamespace.
@PriorityLevelConfigurationReference A priority level.
name Name of the PriorityLevelConfiguration. As long as there is none of that name the schema takes
  no requests.
@PolicyRulesWithSubjects Requests, by who sends them and what they ask. At least one rule of either
  kind is needed.
nonResourceRules Requests for paths that are not resources.
resourceRules Requests for resources.
subjects Who sends them; one match is enough.
@flowcontrol/Subject Users, groups or service accounts that send requests. Exactly the field that
  kind names is set.
group A group of users.
kind User, Group or ServiceAccount.
serviceAccount Service accounts of a namespace.
user A user.
@UserSubject A user.
name Name of the user; "*" is every user.
@GroupSubject A group of users.
name Name of the group, such as system:authenticated; "*" is every group.
@ServiceAccountSubject Service accounts of a namespace.
name Name of the service account; "*" is every one of the namespace.
namespace Namespace of the service account. Required.
@ResourcePolicyRule Requests for resources. Verb, group, resource and place must all match.
apiGroups API groups. Empty text is the core group, "*" every group.
clusterScope Whether requests outside namespaces match: those for kinds of the whole cluster, and
  lists over all namespaces. Defaults to false.
namespaces Namespaces of the objects; "*" is every one. May be left out only with clusterScope.
resources Resources, such as services or nodes/status; "*" is every one.
verbs What is asked: get, list, watch, create, update, patch, delete, deletecollection or proxy. "*"
  is everything.
@NonResourcePolicyRule Requests for paths that are not resources. Verb and path must both match.
nonResourceURLs Paths, such as /healthz; "/*" at the end stands for all below, "*" alone for every
  path.
verbs What is asked, such as get. "*" is everything, and the only way to mean methods that are no
  verbs of resources, such as post.
@PriorityLevelConfiguration How many requests of a kind are served at once, and what becomes of
  more.
spec Seats and queues of the level.
status State of the level.
@PriorityLevelConfigurationSpec How requests of a level are served.
exempt Shares of a level that is not limited. Only for type Exempt.
limited Bounds of the level. Required for type Limited.
type Limited, or Exempt: its requests are served at once. Only the level called exempt is Exempt.
@PriorityLevelConfigurationStatus State of a level.
conditions State of the level.
@ExemptPriorityLevelConfiguration Seats of a level that is not limited: what it leaves to others.
lendablePercent Percent of the level's seats that others may use while it does not, from 0 to 100.
  Defaults to 0.
nominalConcurrencyShares Shares of the server's seats that are counted for the level. Defaults to 0.
  Its own requests never wait for them.
@LimitedPriorityLevelConfiguration Bounds of a level.
borrowingLimitPercent Seats of other levels that it may use beside its own, in percent of its own.
  Not given: no bound. 0: none.
lendablePercent Percent of the level's seats that others may use while it does not, from 0 to 100.
  Defaults to 0.
limitResponse What becomes of requests beyond the seats.
nominalConcurrencyShares Shares of the server's seats. The level gets its part of all shares,
  rounded up. Defaults to 30. With 0 it has only seats that it borrows.
@LimitResponse What becomes of requests beyond the seats.
queuing Queues in which they wait. Required for type Queue, not allowed for Reject.
type Queue: they wait. Reject: they are answered with 429 at once.
@QueuingConfiguration Queues of a level.
handSize How many queues a flow can wait in; it takes the shortest of them. Defaults to 8, and is at
  most queues. More queues let small flows pass great ones; more cards in the hand let one flow fill
  more of them.
queueLengthLimit How many requests can wait in one queue. Defaults to 50. Those beyond it are
  answered with 429.
queues How many queues there are, at most 10 million. Defaults to 64. With 1 all flows wait in one
  line.
@FlowSchemaCondition One aspect of the state of a FlowSchema.
type What the condition is about, such as Dangling.
@PriorityLevelConfigurationCondition One aspect of the state of a priority level.
type What the condition is about.
@FlowSchemaCondition,PriorityLevelConfigurationCondition
lastTransitionTime When the status last changed.
message What happened at the last change, for people.
reason One word for why the status last changed.
status True, False or Unknown.
`;
