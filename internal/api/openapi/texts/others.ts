/**
 * What the fields of events, endpoints, definitions, webhooks and other kinds are for. The form is
 * described in texts.ts.
 */
export const otherTexts = (): string => `
@Event Something that happened to an object.
action What was done or tried.
count How often it happened.
deprecatedCount How often it happened, as old clients count.
deprecatedFirstTimestamp When it happened first, as old clients say.
deprecatedLastTimestamp When it happened last, as old clients say.
deprecatedSource Who said so, as old clients name it.
eventTime When it was first seen.
firstTimestamp When it happened first.
involvedObject Object that it happened to.
lastTimestamp When it happened last.
message What happened, for people.
note What happened, for people.
reason One word for why it was done.
regarding Object that it happened to.
related A second object that has to do with it.
reportingComponent Controller that says so.
reportingController Controller that says so.
reportingInstance Which instance of the controller says so.
series How often it happened since, where it goes on.
source Who says so.
type Normal or Warning.
@EventSeries An event that goes on.
count How often it has happened.
lastObservedTime When it happened last.
@EventSource Who reports events.
component Name of the program.
host Node that it runs on.
@Endpoints Addresses behind a service, in the old form. EndpointSlices have taken their place.
subsets Addresses and ports; each address of a subset has each of its ports.
@EndpointSubset Addresses that share ports.
addresses Addresses that are ready.
notReadyAddresses Addresses that are not ready.
ports Ports of all the addresses.
@EndpointAddress One address.
hostname Host name of the endpoint.
ip The address.
nodeName Node that the endpoint is on.
targetRef Object that the address belongs to, a pod as a rule.
@EndpointPort A port of endpoints.
appProtocol Protocol that is spoken, as a hint.
name Name of the port, that of the service's port.
port Number of the port.
protocol TCP (the default), UDP or SCTP.
@EndpointSlice Some of the endpoints of a service.
addressType Kind of the addresses: IPv4, IPv6 or FQDN. Cannot be changed.
endpoints The endpoints, at most 1000.
ports Ports of every endpoint of the slice.
@Endpoint One endpoint of a service.
addresses Addresses of the endpoint; consumers use the first.
conditions What state the endpoint is in.
deprecatedTopology Labels of the node, from older versions of the API. Read-only.
hints Whom the endpoint is meant for.
hostname Host name of the endpoint.
nodeName Node that the endpoint is on.
targetRef Object that the endpoint belongs to, a pod as a rule.
zone Zone that the endpoint is in.
@EndpointConditions What state an endpoint is in.
ready Whether it takes new traffic. Not given counts as true.
serving Whether it can answer, even while it ends.
terminating Whether it is ending.
@EndpointHints Whom an endpoint is meant for.
forNodes Nodes whose traffic should go to it.
forZones Zones whose traffic should go to it.
@ForNode A node.
name Name of the node.
@ForZone A zone.
name Name of the zone.
@Lease A claim to something for a time, such as leadership; or the heartbeat of a node.
spec Who holds it, and until when.
@LeaseSpec Who holds a lease, and until when.
acquireTime When the holder got it.
holderIdentity Who holds it.
leaseDurationSeconds How long others wait after renewTime before they may take it.
leaseTransitions How often it has changed hands.
preferredHolder Preferred next holder.
renewTime When the holder last renewed it.
strategy How the next holder is chosen.
@Binding,Eviction A request about a pod.
deleteOptions Options of the deletion.
target Object that the pod is bound to: a node.
@ControllerRevision A past or present template of a controller.
data The template. Cannot be changed.
revision Number of the revision.
@PodTemplate A template of pods, stored for those who want to use it.
template The template.
@ReplicationController Keeps a number of pods running. Deployments have taken its place.
spec What should run.
status What runs now.
@ReplicationControllerSpec What should run.
minReadySeconds Seconds that a new pod must be Ready without a break to count as available. Defaults
  to 0.
replicas How many pods there should be. Defaults to 1.
selector Labels of the pods. Defaults to those of the template.
template The pods that are made.
@ReplicationControllerStatus What runs now.
availableReplicas How many pods have been Ready for minReadySeconds.
conditions State of the controller.
fullyLabeledReplicas How many pods have all labels of the template.
observedGeneration Generation of the spec that the controller has seen.
readyReplicas How many pods are Ready.
replicas How many pods there are.
@Scale How many replicas an object has and should have.
spec What is wanted.
status What there is.
@ScaleSpec What is wanted.
replicas How many replicas there should be.
@ScaleStatus What there is.
replicas How many replicas there are.
selector Labels of the pods, as text.
@IngressClass A controller for Ingresses, and its settings.
spec The controller.
@IngressClassSpec The controller for Ingresses of a class.
controller Name of the controller, such as example.com/ingress. Cannot be changed.
parameters Object with settings for the controller.
@IngressClassParametersReference An object with settings.
apiGroup Group of the object's kind. Empty for the core group.
kind Kind of the object.
name Name of the object.
namespace Namespace of the object, for scope Namespace.
scope Cluster (the default) or Namespace.
@ServiceCIDR Networks that services get their addresses from.
spec The networks.
status Whether they are in use.
@ServiceCIDRSpec Networks for services.
cidrs The networks: one, or one of each family. Cannot be changed, but a second family may be added.
@ServiceCIDRStatus State of networks for services.
conditions Ready says whether addresses are given out.
@IPAddress An address that is in use by a service. Its name is the address.
spec Who uses it.
@IPAddressSpec Who uses an address.
parentRef The object that uses it.
@ParentReference An object that uses an address.
group Group of the object's resource. Empty for the core group.
name Name of the object.
namespace Namespace of the object.
resource Resource of the object, such as services.
@PriorityClass A priority for pods, by name.
description When the class should be used.
globalDefault Whether pods that name no class get this one. Only one class can.
preemptionPolicy Whether pods of the class may push out others: PreemptLowerPriority (the default)
  or Never.
value The priority. Pods with more of it are scheduled first. Cannot be changed.
@RuntimeClass A way to run containers, by name.
handler Handler of the container runtime. Cannot be changed.
overhead Resources that pods of the class take beside those of their containers.
scheduling Nodes that can run the class.
@Overhead Resources beside those of containers.
podFixed Resources for each pod.
@Scheduling Nodes that can run a class.
nodeSelector Labels that a node must have; added to those of the pod.
tolerations Taints that do not keep pods of the class away; added to those of the pod.
@CustomResourceDefinition Adds a kind to the API.
spec What the kind is called, and what its objects hold.
status Whether the kind is served.
@CustomResourceDefinitionSpec What a kind is called, and what its objects hold.
conversion How objects are converted between versions.
group Group of the kind. The definition is called plural.group.
names Names of the kind.
preserveUnknownFields Whether fields that the schema does not know are kept. Must be false; the
  schema can say it instead.
scope Whether objects live in a namespace: Namespaced or Cluster.
versions Versions of the kind. Exactly one is stored.
@CustomResourceDefinitionNames Names of a kind.
categories Groups of resources that it belongs to, such as all.
kind Name of the kind, in CamelCase.
listKind Name of its list. Defaults to the kind and List.
plural Name of the resource in paths, lower-case.
shortNames Short names for command lines.
singular Name of one. Defaults to the kind in lower-case.
@CustomResourceDefinitionVersion One version of a kind.
additionalPrinterColumns Columns that kubectl get shows. Defaults to the age.
deprecated Whether requests are answered with a warning.
deprecationWarning Text of that warning.
name Name of the version, such as v1 or v2beta1.
schema Schema that objects are checked by.
selectableFields Fields that objects can be selected by.
served Whether the version is served.
storage Whether objects are stored in this version.
subresources Subresources of the objects.
@CustomResourceDefinitionStatus State of a definition.
acceptedNames Names under which the kind is served.
conditions State of the definition: Established, NamesAccepted and others.
observedGeneration Generation of the spec that this status was made from.
storedVersions Versions in which objects may still be stored.
@CustomResourceColumnDefinition A column for kubectl get.
description What the column shows.
format Form of the value, such as date-time.
jsonPath Where the value is in the object.
name Title of the column.
priority 0 is always shown, more only with -o wide.
type integer, number, string, boolean or date.
@CustomResourceConversion How objects are converted between versions.
strategy None (the default: only apiVersion changes) or Webhook.
webhook The webhook that converts.
@CustomResourceSubresources Subresources of objects.
scale Lets kubectl scale and autoscalers change the number of replicas.
status Gives the status a path of its own, and leaves it alone on others.
@CustomResourceSubresourceScale Where the scale subresource finds its values.
labelSelectorPath Path of the selector as text, below status or spec.
specReplicasPath Path of the wanted number, below spec.
statusReplicasPath Path of the present number, below status.
@CustomResourceValidation What objects are checked by.
openAPIV3Schema The schema.
@SelectableField A field that objects can be selected by.
jsonPath Path of the field.
@ValidationRule A rule in CEL.
fieldPath Field that a failure is reported at.
message What is said when the rule fails.
messageExpression Expression that makes that message.
optionalOldSelf Whether the rule is also looked at where there was nothing before.
reason Reason that a failure is reported with.
rule The expression: self is the value, oldSelf the one before.
@ServiceReference A service that is called.
name Name of the service.
namespace Namespace of the service.
path Path that is called.
port Port of the service. Defaults to 443.
@WebhookClientConfig How a webhook is called: by service or by URL.
caBundle Authorities that its certificate is checked by, in PEM.
service Service of the cluster that is called.
url Address that is called: https://host:port/path.
@ValidatingWebhookConfiguration,MutatingWebhookConfiguration Webhooks that are asked about requests.
webhooks The webhooks.
@ValidatingWebhook,MutatingWebhook A webhook that is asked about requests.
admissionReviewVersions Versions of AdmissionReview that it knows, the best first.
clientConfig How it is called.
failurePolicy What happens when it cannot be asked: Fail (the default) or Ignore.
matchConditions Expressions that must all be true for it to be asked.
matchPolicy Exact, or Equivalent (the default): requests through other versions count as well.
name Full name of the webhook, such as check.example.com.
namespaceSelector Labels of the namespaces whose objects it is asked about.
objectSelector Labels of the objects that it is asked about.
reinvocationPolicy Whether it is asked again when another one has changed the object: Never (the
  default) or IfNeeded.
rules Requests that it is asked about.
sideEffects Whether asking has other effects: None or NoneOnDryRun.
timeoutSeconds Seconds until it counts as failed, from 1 to 30. Defaults to 10.
@RuleWithOperations,NamedRuleWithOperations Requests that a webhook or policy is for.
apiGroups API groups; "*" is all.
apiVersions API versions; "*" is all.
operations CREATE, UPDATE, DELETE, CONNECT or "*".
resourceNames Names of the objects. Not given: all.
resources Resources, such as pods or pods/log; "*" is all without subresources.
scope Cluster, Namespaced or "*" (the default).
@MatchCondition An expression that a request must meet.
expression The expression in CEL.
name Name of the condition.
@CSIDriver A storage driver, and what it wants to be told.
spec What it wants to be told.
@VolumeAttachment A wish that a volume be attached to a node, or not.
spec What is attached where.
status Whether it is.
@VolumeAttachmentSpec What is attached where.
attacher Driver that attaches.
nodeName Node that it is attached to.
source The volume.
@VolumeAttributesClass Settings of volumes that can be changed while they are in use.
driverName Driver that knows the settings.
parameters The settings. Cannot be changed.
@APIService A group and version of the API, served here or by another server.
spec Who serves it.
status Whether it answers.
@APIServiceSpec Who serves a group and version.
caBundle Authorities that the server's certificate is checked by.
group The group.
groupPriorityMinimum Which group wins for a short name: the greater.
insecureSkipTLSVerify Whether the certificate is not checked. Do not.
service Service of the server. Not given: this server.
version The version.
versionPriority Which version of the group comes first: the greater.
@APIServiceStatus State of a group and version.
conditions Available says whether the server answers.
@DeleteOptions How an object is deleted.
dryRun All: nothing is really deleted.
gracePeriodSeconds Seconds that the object has to end in order. 0 means at once.
ignoreStoreReadErrorWithClusterBreakingPotential Delete an object that cannot be read from the
  store. Its finalizers are passed over.
orphanDependents Old form of propagationPolicy.
preconditions What must hold of the object for it to be deleted.
propagationPolicy What becomes of objects that it owns: Orphan, Background or Foreground.
@Preconditions What must hold of an object.
resourceVersion Version that it must have.
uid UID that it must have.
@ListMeta What a list is part of, and of which time.
continue Token for the next part. Empty when this is the last.
remainingItemCount How many objects are not in this part, about.
resourceVersion Version of the store that the list shows; a watch can go on from it.
selfLink Path of the list. No longer filled in.
@Status Answer of a request that returns no object.
code Status code of HTTP.
details More about the reason.
message What happened, for people.
reason One word for why it failed.
status Success or Failure.
@StatusDetails More about a failure.
causes What was wrong, one by one.
group Group of the resource.
kind Kind or resource that is meant.
name Name of the object.
retryAfterSeconds Seconds to wait before the next try.
uid UID of the object.
@StatusCause One thing that was wrong.
field Field that was wrong.
message What was wrong, for people.
reason One word for what was wrong.
`;
